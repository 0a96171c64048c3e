"""The API of the gate."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracking.consents import cookies
from tracking.gate import operations, queries
from tracking.gate.types import Reason
from tracking.web.errors import errors
from tracking.web.fields import StrictBoolean, StrictSerializer, code
from tracking.web.site import SITE, named_site

MOST_TAGS = 100


class DecisionOutput(serializers.Serializer[Any]):
    allowed = serializers.BooleanField()
    reason = serializers.ChoiceField(choices=[reason.value for reason in Reason])
    withheld_data_items = serializers.ListField(child=serializers.CharField())


class Gate(APIView):
    class Input(StrictSerializer):
        site = code()
        tags = serializers.ListField(child=code(), max_length=MOST_TAGS, allow_empty=False)
        gpc = StrictBoolean(required=False, default=False)

    class Output(serializers.Serializer[Any]):
        decisions = serializers.DictField(child=DecisionOutput())
        notice = serializers.IntegerField(allow_null=True)
        regime = serializers.CharField()

    @extend_schema(
        operation_id="decide_tags",
        request=Input,
        responses={200: Output, **errors(400, 413, 415)},
    )
    def post(self, request: Request) -> Response:
        """Decide for many tags of this device."""
        sent = self.Input.read(request.data)
        decided = operations.answer_tags(
            site_code=sent["site"],
            tag_codes=sent["tags"],
            asking=_asking(request, gpc=sent["gpc"]),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return Response(
            {
                "decisions": {tag: decision.as_json() for tag, decision in decided.by_tag.items()},
                "notice": decided.notice,
                "regime": decided.regime,
            },
            headers=_PRIVATE,
        )


class GateTag(APIView):
    @extend_schema(
        operation_id="decide_tag",
        parameters=[SITE],
        responses={200: DecisionOutput, **errors(400, 404)},
    )
    def get(self, request: Request, tag: str) -> Response:
        """Decide for one tag of this device."""
        decided = operations.answer_tags(
            site_code=named_site(request),
            tag_codes=[tag],
            asking=_asking(request),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return Response(decided.by_tag[tag].as_json(), headers=_PRIVATE)


class GateLoader(APIView):
    @extend_schema(
        operation_id="load_tag",
        parameters=[SITE],
        responses={
            (200, "text/javascript"): OpenApiResponse(
                OpenApiTypes.STR,
                description="The tag's loader, or an empty script; "
                "`X-Consent-Decision` says `allowed` or `denied` and why.",
            ),
            **errors(400, 404),
        },
    )
    def get(self, request: Request, tag: str) -> HttpResponse:
        """Serve the tag's loader when it may fire, and an inert script when not."""
        decision, script = queries.get_loader(
            site_code=named_site(request),
            tag_code=tag,
            asking=_asking(request),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        word = "allowed" if decision.allowed else "denied"
        return HttpResponse(
            script,
            content_type="text/javascript; charset=utf-8",
            headers={**_PRIVATE, "X-Consent-Decision": f"{word}; {decision.reason.value}"},
        )


class GatePayload(APIView):
    class Input(StrictSerializer):
        site = code()
        payload = serializers.DictField()

    class Output(serializers.Serializer[Any]):
        payload = serializers.DictField()
        dropped = serializers.ListField(child=serializers.DictField(child=serializers.CharField()))

    @extend_schema(
        operation_id="strip_payload",
        request=Input,
        responses={200: Output, **errors(400, 403, 404, 413, 415)},
    )
    def post(self, request: Request, tag: str) -> Response:
        """Strip from an event the data items that this device withholds."""
        sent = self.Input.read(request.data)
        stripped = operations.answer_payload(
            site_code=sent["site"],
            tag_code=tag,
            payload=sent["payload"],
            asking=_asking(request),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return Response(
            {"payload": stripped.payload, "dropped": stripped.dropped}, headers=_PRIVATE
        )


_PRIVATE = {"Cache-Control": "private, no-store"}


def _asking(request: Request, *, gpc: bool = False) -> queries.Asking:
    return queries.Asking(
        device_token=cookies.read_token(request),
        gpc=gpc or request.headers.get("Sec-GPC") == "1",
        shown_notice=cookies.read_shown_notice(request),
        place=cookies.read_place(request),
        is_doubtful=cookies.are_doubtful(request),
    )
