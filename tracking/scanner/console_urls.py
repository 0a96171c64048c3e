"""Scans in the console, under /console/scans/."""

from django.urls import path

from tracking.scanner import console_views

app_name = "scans"

urlpatterns = [path("", console_views.scans, name="page")]
