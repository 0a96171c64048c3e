"""The doors through which partners report back, and fetch what waits for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracking.delivery import feed_operations, operations
from tracking.delivery.types import FeedPage
from tracking.web.errors import errors
from tracking.web.fields import StrictSerializer, StrictText
from tracking.web.parsers import read_body
from tracking.web.site import SITE, named_site

PARTNER = OpenApiParameter("partner", str, required=True, description="The partner's code.")

SIGNATURE = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, required=True, description=text)
    for name, text in (
        ("webhook-id", "An id of your own for this call."),
        ("webhook-timestamp", "Epoch seconds; at most five minutes off."),
        ("webhook-signature", "`v1,` and the base64 HMAC-SHA256; see partners.md."),
    )
]

_CODE = re.compile(r"[-\w]{1,64}", re.ASCII)
_CURSOR = re.compile(r"[0-9a-f]{32}")
_SUBJECT = re.compile(r"[!-~]{1,200}")


class RawJSONParser(BaseParser):
    """Hand over the bytes as they came: they are what was signed."""

    media_type = "application/json"

    def parse(  # type: ignore[override]
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return read_body(stream)


class AcknowledgedMessage(StrictSerializer):
    id = StrictText(help_text="The `webhook-id` of the message.")
    outcome = serializers.ChoiceField(
        choices=["done", "identifier_not_held"],
        help_text="identifier_not_held: you never had, or no longer have, this subject.",
    )


class Acknowledgements(APIView):
    parser_classes = [RawJSONParser]

    @extend_schema_serializer(component_name="Acknowledgement")
    class Input(StrictSerializer):
        """For the schema; the body is read only after its signature was found good."""

        type = serializers.ChoiceField(choices=["consent.acknowledged"])
        timestamp = serializers.DateTimeField(required=False)
        data = AcknowledgedMessage()  # type: ignore[assignment]

    @extend_schema(
        operation_id="acknowledge_delivery",
        parameters=[
            SITE,
            PARTNER,
            *SIGNATURE,
        ],
        request=Input,
        responses={204: None, **errors(400, 401, 404, 413, 415, 503)},
        examples=[
            OpenApiExample(
                "Done",
                value={
                    "type": "consent.acknowledged",
                    "data": {"id": "msg_0c1f5a4be0d24c3f9a8f3f3c4c1b2a19", "outcome": "done"},
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Confirm that a message of ours has been acted on; signed with the shared secret."""
        operations.acknowledge(
            site=named_site(request),
            partner=_named_partner(request),
            headers=_headers(request),
            # Without a body there is nothing to parse, and DRF hands over an empty form.
            body=request.data if isinstance(request.data, bytes) else b"",
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return Response(status=204)


class Feed(APIView):
    class Output(serializers.Serializer[Any]):
        items = serializers.ListField(
            child=serializers.DictField(),
            help_text="What a webhook would carry, each with its `id`; at most 500.",
        )
        cursor = serializers.CharField(
            allow_blank=True,
            help_text="Name it in the next call once these items are safely stored.",
        )
        has_more = serializers.BooleanField(
            help_text="False: the next page would be empty at this moment."
        )

    @extend_schema(
        operation_id="pull_feed",
        parameters=[
            SITE,
            PARTNER,
            OpenApiParameter("after", str, description="The cursor of the page that you stored."),
            *SIGNATURE,
        ],
        responses={200: Output, **errors(400, 401, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        """Return what this partner has not been told; signed over path and query."""
        return _page(
            feed_operations.pull(**_caller(request), after=_cursor(request), now=timezone.now())
        )


class FeedState(APIView):
    class Output(serializers.Serializer[Any]):
        items = serializers.ListField(
            child=serializers.DictField(),
            help_text="One subject each, as `data` in a message; at most 1,000.",
        )
        cursor = serializers.CharField(
            allow_blank=True, help_text="The last subject; name it for the next page."
        )
        has_more = serializers.BooleanField()

    @extend_schema(
        operation_id="get_feed_state",
        parameters=[
            SITE,
            PARTNER,
            OpenApiParameter("after", str, description="The last subject of the page before."),
            *SIGNATURE,
        ],
        responses={200: Output, **errors(400, 401, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        """Return how this partner's subjects stand now; confirms nothing."""
        return _page(
            feed_operations.get_state(
                **_caller(request), after=_subject(request), now=timezone.now()
            )
        )


class FeedDigest(APIView):
    class Output(serializers.Serializer[Any]):
        subjects = serializers.IntegerField()
        digest = serializers.CharField(help_text="Hex SHA-256; how it is made is in the guide.")

    @extend_schema(
        operation_id="get_feed_digest",
        parameters=[SITE, PARTNER, *SIGNATURE],
        responses={200: Output, **errors(400, 401, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        """Return one digest over the state of all this partner's subjects, to compare with."""
        return _private(asdict(feed_operations.get_digest(**_caller(request), now=timezone.now())))


def _page(page: FeedPage) -> Response:
    return _private({"items": list(page.items), "cursor": page.cursor, "has_more": page.has_more})


def _private(body: dict[str, object]) -> Response:
    return Response(body, headers={"Cache-Control": "private, no-store"})


def _caller(request: Request) -> dict[str, Any]:
    """Return who calls and what was signed: the address as it was asked for, from its path on."""
    return {
        "site": named_site(request),
        "partner": _named_partner(request),
        "headers": _headers(request),
        "target": f"{request.path}?{request.META.get('QUERY_STRING', '')}",
        "keys": settings.CONSENT_KEYS,
    }


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _cursor(request: Request) -> UUID | None:
    text = str(request.query_params.get("after", ""))
    if text and not _CURSOR.fullmatch(text):
        raise ValidationError({"after": ["Name the cursor of a page, or leave it out."]})
    return UUID(hex=text) if text else None


def _subject(request: Request) -> str:
    text = str(request.query_params.get("after", ""))
    if text and not _SUBJECT.fullmatch(text):
        raise ValidationError({"after": ["Name the last subject of a page, or leave it out."]})
    return text


def _named_partner(request: Request) -> str:
    partner = str(request.query_params.get("partner", ""))
    if not _CODE.fullmatch(partner):
        raise ValidationError({"partner": ["Name the partner: ?partner=code"]})
    return partner
