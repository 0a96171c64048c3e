from django.contrib.auth.views import LogoutView
from django.urls import path

from tracking.insights import cohort_views, loss_views, report_views, views, why_views

app_name = "console"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("cohorts/", cohort_views.page, name="cohorts"),
    path("cohorts/cohorts.<slug:kind>", cohort_views.download, name="cohort-file"),
    path("why/", why_views.why, name="why"),
    path("downloads/<slug:name>.<slug:kind>", views.download, name="download"),
    path("page-views/", loss_views.page, name="page-views"),
    path("page-views/page-views.<slug:kind>", loss_views.download, name="page-view-file"),
    path("reports/", report_views.overview, name="reports"),
    path("reports/<slug:site>/add/", report_views.create, name="report-add"),
    path("reports/<int:number>/test/", report_views.test, name="report-test"),
    path("reports/<int:number>/stop/", report_views.stop, name="report-stop"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
]
