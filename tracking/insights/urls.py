from django.contrib.auth.views import LogoutView
from django.urls import path

from tracking.insights import views

app_name = "console"

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("page-views/", views.page_views, name="page_views"),
    path("page-views/csv/", views.page_views_csv, name="page_views_csv"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
]
