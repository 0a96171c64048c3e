from django.contrib.auth.views import LogoutView
from django.urls import path

from tracking.insights import cohort_views, loss_views, views, why_views

app_name = "console"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("cohorts/", cohort_views.page, name="cohorts"),
    path("cohorts/cohorts.<slug:kind>", cohort_views.download, name="cohort-file"),
    path("why/", why_views.why, name="why"),
    path("downloads/<slug:name>.<slug:kind>", views.download, name="download"),
    path("page-views/", loss_views.page_views, name="page_views"),
    path("page-views/csv/", loss_views.page_views_csv, name="page_views_csv"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
]
