from django.urls import path

from tracking.preferences import views

app_name = "preferences"

urlpatterns = [
    path("preferences/<slug:site>/", views.preferences, name="page"),
    path("external-transmission/<slug:site>/", views.transmission, name="transmission"),
]
