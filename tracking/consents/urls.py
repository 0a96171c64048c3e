from django.urls import path

from tracking.consents import api

urlpatterns = [
    path("consents", api.Consents.as_view()),
    path("consents/current", api.CurrentConsent.as_view()),
    path("identifiers", api.Identifiers.as_view()),
    path("revocations", api.Revocations.as_view()),
    path("revocations/<uuid:key>", api.RevocationStatus.as_view()),
    path("erasures", api.Erasures.as_view()),
    path("erasures/<uuid:key>", api.ErasureStatus.as_view()),
    path("provisions", api.Provisions.as_view()),
    path("receipts/<uuid:key>", api.Receipts.as_view()),
]
