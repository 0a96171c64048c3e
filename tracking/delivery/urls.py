"""What partners call, under /v1/."""

from django.urls import path

from tracking.delivery import api

urlpatterns = [
    path("acknowledgements", api.Acknowledgements.as_view(), name="acknowledgements"),
]
