from django.urls import path

from tracking.gate import api

urlpatterns = [
    path("gate", api.Gate.as_view()),
    path("gate/<slug:tag>.js", api.GateLoader.as_view()),
    path("gate/<slug:tag>", api.GateTag.as_view()),
    path("gate/<slug:tag>/payload", api.GatePayload.as_view()),
]
