from django.contrib.auth.views import LogoutView
from django.urls import path

from tracking.insights import views, why_views

app_name = "console"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("why/", why_views.why, name="why"),
    path("downloads/<slug:name>.<slug:kind>", views.download, name="download"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
]
