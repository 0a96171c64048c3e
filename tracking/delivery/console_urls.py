"""The console's pages about telling partners, under /console/deliveries/."""

from django.urls import path

from tracking.delivery import console_views as views

app_name = "deliveries"

_PARTNER = "<slug:site>/<slug:partner>/"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("dead/", views.dead, name="dead"),
    path(_PARTNER, views.partner, name="partner"),
    path(f"{_PARTNER}endpoint/", views.endpoint, name="endpoint"),
    path(f"{_PARTNER}events/<int:event_id>/", views.event, name="event"),
    path(f"{_PARTNER}pause/", views.pause, name="pause"),
    path(f"{_PARTNER}resume/", views.resume, name="resume"),
    path(f"{_PARTNER}rotate/", views.rotate, name="rotate"),
    path(f"{_PARTNER}finish/", views.finish, name="finish"),
    path(f"{_PARTNER}replay/", views.replay, name="replay"),
]
