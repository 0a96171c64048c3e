"""The one error shape, for the OpenAPI schema."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers


class ErrorAnswer(serializers.Serializer[object]):
    """Every error of the API."""

    code = serializers.CharField()
    message = serializers.CharField()
    fields = serializers.DictField()  # type: ignore[assignment]


_SENTENCES = {
    400: "The request does not say what it must; `fields` names what.",
    401: "The signature or the token is missing or wrong.",
    403: "Not allowed: a foreign Origin, or a token without the power for it.",
    404: "There is nothing of this name for this device.",
    405: "This method is not offered here.",
    409: "A newer notice is in effect; `fields.current` is its number.",
    413: "The body is larger than 16 kB.",
    415: "The body is not `application/json` in UTF-8.",
    503: "The database is away: nothing was stored, send it again after `Retry-After` seconds.",
}


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """Return the schema entries for these error answers."""
    return {
        status: OpenApiResponse(ErrorAnswer, description=_SENTENCES[status]) for status in statuses
    }
