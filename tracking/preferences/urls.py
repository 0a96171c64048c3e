from django.urls import path

from tracking.preferences import views

app_name = "preferences"

urlpatterns = [
    path(".well-known/gpc.json", views.signal_statement, name="signal-statement"),
    path(
        ".well-known/external-transmission.json", views.transmission_copy, name="transmission-copy"
    ),
    path("preferences/<slug:site>/", views.preferences, name="page"),
    path("preferences/<slug:site>/erasure/", views.erasure, name="erasure"),
    path("first-layer/<slug:site>.css", views.first_layer_frame, name="first-layer-frame"),
    path("first-layer/<slug:site>/", views.first_layer, name="first-layer"),
    path("look/<slug:site>/<int:notice>.css", views.look, name="look"),
    path("external-transmission/<slug:site>/", views.transmission, name="transmission"),
]
