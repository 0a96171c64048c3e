"""The door through which partners report back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import IO, Any

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

from tracking.delivery import operations
from tracking.web.errors import errors
from tracking.web.fields import StrictSerializer, StrictText
from tracking.web.parsers import read_body
from tracking.web.site import SITE, named_site

PARTNER = OpenApiParameter("partner", str, required=True, description="The partner's code.")

_CODE = re.compile(r"[-\w]{1,64}", re.ASCII)


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
            *(
                OpenApiParameter(
                    name, str, OpenApiParameter.HEADER, required=True, description=text
                )
                for name, text in (
                    ("webhook-id", "An id of your own for this call."),
                    ("webhook-timestamp", "Epoch seconds; at most five minutes off."),
                    ("webhook-signature", "`v1,` and the base64 HMAC-SHA256; see partners.md."),
                )
            ),
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
            headers={name.lower(): value for name, value in request.headers.items()},
            # Without a body there is nothing to parse, and DRF hands over an empty form.
            body=request.data if isinstance(request.data, bytes) else b"",
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return Response(status=204)


def _named_partner(request: Request) -> str:
    partner = str(request.query_params.get("partner", ""))
    if not _CODE.fullmatch(partner):
        raise ValidationError({"partner": ["Name the partner: ?partner=code"]})
    return partner
