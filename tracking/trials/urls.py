"""The console's experiments, under /console/experiments/."""

from django.urls import path

from tracking.trials import views

app_name = "trials"

urlpatterns = [
    path("", views.desk, name="desk"),
    path("<slug:site>/", views.create, name="create"),
    path("<slug:site>/<slug:code>/", views.show, name="show"),
    path("<slug:site>/<slug:code>/start/", views.start, name="start"),
    path("<slug:site>/<slug:code>/stop/", views.stop, name="stop"),
    path("<slug:site>/<slug:code>/promote/", views.promote, name="promote"),
    path("<slug:site>/<slug:code>/discard/", views.discard, name="discard"),
    path(
        "<slug:site>/<slug:code>/<slug:arm>/preview/<str:language>/", views.preview, name="preview"
    ),
]
