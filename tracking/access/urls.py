"""Tokens in the console, under /console/access/."""

from django.urls import path

from tracking.access import views

app_name = "access"

urlpatterns = [
    path("", views.tokens, name="tokens"),
    path("<int:token_id>/revoke/", views.revoke, name="revoke"),
]
