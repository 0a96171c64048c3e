from django.contrib.auth.views import LogoutView
from django.urls import path

from tracking.insights import report_views, views

app_name = "console"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("reports/", report_views.overview, name="reports"),
    path("reports/<slug:site>/add/", report_views.create, name="report-add"),
    path("reports/<int:number>/test/", report_views.test, name="report-test"),
    path("reports/<int:number>/stop/", report_views.stop, name="report-stop"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
]
