"""The page behind the link in a mail with the numbers. It asks nobody to sign in."""

from django.urls import path

from tracking.insights import stop_views

app_name = "insights"

urlpatterns = [path("reports/stop/<uuid:stop_key>", stop_views.stop, name="stop")]
