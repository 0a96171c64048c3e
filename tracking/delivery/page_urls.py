"""The page that partners open from a mail."""

from django.urls import path

from tracking.delivery import acknowledge_views, links

app_name = "delivery"

urlpatterns = [
    path(f"{links.PATH.removeprefix('/')}<str:token>", acknowledge_views.acknowledge, name="link"),
]
