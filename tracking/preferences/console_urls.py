"""The console's simulator, under /console/simulator/."""

from django.urls import path

from tracking.preferences import console_views

app_name = "simulator"

urlpatterns = [path("", console_views.simulator, name="page")]
