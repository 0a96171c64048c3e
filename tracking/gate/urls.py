from django.urls import path

from tracking.gate import api

urlpatterns = [
    path("gate", api.Gate.as_view()),
    path("gate/<str:tag>.js", api.GateLoader.as_view()),
    path("gate/<str:tag>", api.GateTag.as_view()),
    path("gate/<str:tag>/payload", api.GatePayload.as_view()),
]
