from django.urls import path

from tracking.insights import api

urlpatterns = [
    path("shown", api.Showing.as_view()),
    path("pages", api.PageView.as_view()),
    path("insights/opt-in", api.OptIn.as_view()),
]
