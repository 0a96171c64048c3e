"""What partners call, under /v1/."""

from django.urls import path

from tracking.delivery import api

urlpatterns = [
    path("acknowledgements", api.Acknowledgements.as_view(), name="acknowledgements"),
    path("feed", api.Feed.as_view(), name="feed"),
    path("feed/state", api.FeedState.as_view(), name="feed-state"),
    path("feed/digest", api.FeedDigest.as_view(), name="feed-digest"),
]
