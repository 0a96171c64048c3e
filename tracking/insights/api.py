"""The API of the numbers: counting a showing, reading the opt-in rates."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracking.access.api import SessionOrToken, TokenAuthentication
from tracking.access.types import Scope
from tracking.consents import cookies
from tracking.consents.types import Surface
from tracking.insights import counting, operations, queries, rules
from tracking.insights.types import (
    PERMISSION,
    Base,
    Dimension,
    Funnel,
    Number,
    Occasion,
    OptInReport,
    Rate,
)
from tracking.web.errors import errors
from tracking.web.fields import (
    StrictBoolean,
    StrictInteger,
    StrictSerializer,
    code,
    referrer,
    variant,
)
from tracking.web.parsers import StrictJSONParser, TextJSONParser
from tracking.web.site import SITE, named_site

_OCCASIONS = {True: Occasion.FIRST, False: Occasion.AGAIN, None: Occasion.RENEWAL}


class Showing(APIView):
    parser_classes = [StrictJSONParser, TextJSONParser]

    @extend_schema_serializer(component_name="Showing")
    class Input(StrictSerializer):
        site = code()
        notice = StrictInteger(min_value=1, max_value=2**31 - 1)
        language = code()
        surface = serializers.ChoiceField(
            choices=[surface.value for surface in Surface],
            help_text="`preferences`, `page` and `api`: the notice was asked for. Nothing is "
            "counted then.",
        )
        occasion = serializers.ChoiceField(
            choices=[occasion.value for occasion in Occasion],
            required=False,
            help_text="The first time in this browser, again since it was ignored, or a renewal: "
            "what had been chosen expired or means something else now.",
        )
        first = StrictBoolean(
            required=False,
            allow_null=True,
            help_text="The occasion as our script says it, in few bytes: true = first, false = "
            "again, null = renewal.",
        )
        variant = variant()
        referrer = referrer()
        waited = StrictInteger(
            required=False,
            default=None,
            allow_null=True,
            min_value=0,
            max_value=2**31 - 1,
            help_text="Milliseconds from painting the notice to the press; null = nothing was "
            "pressed yet.",
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            if "first" in attrs:
                attrs.setdefault("occasion", _OCCASIONS[attrs.pop("first")])
            if attrs["surface"] in counting.SHOWN_BY and "occasion" not in attrs:
                raise serializers.ValidationError({"occasion": ["This field is required."]})
            return attrs

    @extend_schema_serializer(component_name="Shown")
    class Output(serializers.Serializer[Any]):
        impression = serializers.CharField(
            help_text="For the decision that comes of it; good once, and for a day."
        )

    @extend_schema(
        operation_id="count_shown",
        request=Input,
        responses={200: Output, **errors(400, 403, 404, 413, 415, 503)},
    )
    def post(self, request: Request) -> Response:
        """Count that the banner was shown. Carries no identifier and reads no cookie."""
        sent = self.Input.read(request.data)
        impression = operations.count_shown(
            site_code=sent["site"],
            notice_number=sent["notice"],
            language=sent["language"],
            surface=Surface(sent["surface"]),
            device_class=cookies.read_device_class(request),
            occasion=Occasion(sent.get("occasion", Occasion.FIRST)),
            origin=request.headers.get("Origin"),
            place=cookies.read_place(request),
            variant=sent["variant"],
            referrer=sent["referrer"],
            waited_ms=sent["waited"],
            is_bot=cookies.is_bot(request),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
            is_flood=cookies.is_flood(request, kind="showing"),
        )
        return Response({"impression": impression}, headers={"Cache-Control": "private, no-store"})


class PageView(APIView):
    parser_classes = [StrictJSONParser, TextJSONParser]

    @extend_schema_serializer(component_name="PageView")
    class Input(StrictSerializer):
        site = code()
        granted = serializers.ListField(
            child=code(),
            max_length=64,
            help_text="Codes of the purposes that are allowed at this moment.",
        )

    @extend_schema(
        operation_id="count_page_view",
        request=Input,
        responses={
            204: OpenApiResponse(description="Counted."),
            **errors(400, 403, 404, 413, 415, 503),
        },
    )
    def post(self, request: Request) -> Response:
        """Count a page view. Carries neither identifier nor address, and reads no cookie."""
        sent = self.Input.read(request.data)
        operations.count_page_view(
            site_code=sent["site"],
            granted=sent["granted"],
            device_class=cookies.read_device_class(request),
            origin=request.headers.get("Origin"),
            now=timezone.now(),
        )
        return Response(status=204)


class MaySeeNumbers(SessionOrToken):
    message = "Sign in with an account that may see statistics."
    permission = PERMISSION
    scope = Scope.INSIGHTS_READ


class NumberOutput(serializers.Serializer[Any]):
    """`value` is null where there are some, but fewer people than may be told of."""

    value = serializers.IntegerField(allow_null=True)
    is_partial = serializers.BooleanField(help_text="At least this many: small numbers left out.")


class FunnelOutput(serializers.Serializer[Any]):
    shown = NumberOutput()
    decided = NumberOutput()
    allowed = NumberOutput()
    chosen = NumberOutput()
    refused = NumberOutput()
    ignored = NumberOutput()


class BetweenOutput(serializers.Serializer[Any]):
    low = serializers.FloatField()
    high = serializers.FloatField()


class RateOutput(serializers.Serializer[Any]):
    granted = serializers.IntegerField()
    shown = serializers.IntegerField()
    decided = serializers.IntegerField()
    of_shown = serializers.FloatField(allow_null=True, help_text="granted ÷ shown")
    of_decided = serializers.FloatField(allow_null=True, help_text="granted ÷ decided")
    is_partial = serializers.BooleanField(
        help_text="There are more people, in groups too mixed to be counted."
    )
    of_shown_between = BetweenOutput(
        allow_null=True, help_text="What the share can be, whatever those people answered."
    )
    of_decided_between = BetweenOutput(allow_null=True)


class CSVRenderer(BaseRenderer):
    """Lets `?format=csv` through; the text itself comes from the report."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        # An error arrives as a map; a table as text.
        return data if isinstance(data, str) else f"{data.get('code')},{data.get('message')}\r\n"


def _of_dimension() -> serializers.CharField:
    return serializers.RegexField(r"^[A-Za-z0-9:._-]{1,64}$", required=False)


class OptIn(APIView):
    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [MaySeeNumbers]
    renderer_classes = [JSONRenderer, CSVRenderer]

    class Query(StrictSerializer):
        site = code()
        days = serializers.ChoiceField(choices=rules.PERIODS, default=rules.PERIODS[1])
        until = serializers.DateField(required=False)
        format = serializers.ChoiceField(choices=["json", "csv"], required=False)
        language = _of_dimension()
        device_class = _of_dimension()
        regime = _of_dimension()
        country_group = _of_dimension()
        presentation = _of_dimension()
        surface = _of_dimension()
        referrer_class = _of_dimension()
        variant = _of_dimension()
        notice = _of_dimension()

    @extend_schema_serializer(component_name="OptInReport")
    class Output(serializers.Serializer[Any]):
        @extend_schema_serializer(component_name="OptInDay")
        class Day(serializers.Serializer[Any]):
            day = serializers.DateField()
            funnel = FunnelOutput()
            shown_again = NumberOutput()
            asked_again = NumberOutput()
            withdrawn = NumberOutput()

        @extend_schema_serializer(component_name="OptInPurpose")
        class Purpose(serializers.Serializer[Any]):
            @extend_schema_serializer(component_name="OptInPurposeDay")
            class PurposeDay(RateOutput):
                day = serializers.DateField()

            code = serializers.CharField()
            name = serializers.DictField(child=serializers.CharField())
            today = RateOutput()
            week_before = RateOutput()
            period = RateOutput()
            by_day = PurposeDay(many=True)
            withdrawn = NumberOutput()

        @extend_schema_serializer(component_name="OptInChoice")
        class Choice(serializers.Serializer[Any]):
            id = serializers.CharField(help_text="Like `partner:adco` or `item:cookie`.")
            name = serializers.DictField(child=serializers.CharField())
            rate = RateOutput()

        @extend_schema_serializer(component_name="OptInBreakdownRow")
        class Row(serializers.Serializer[Any]):
            value = serializers.CharField()
            funnel = FunnelOutput()
            rates = serializers.DictField(child=RateOutput(), help_text="By purpose.")

        site = serializers.CharField()
        days = serializers.IntegerField()
        until = serializers.DateField()
        smallest = serializers.IntegerField(help_text="Fewer people than this are never told of.")
        funnel = FunnelOutput()
        shown_again = NumberOutput()
        asked_again = NumberOutput()
        withdrawn = NumberOutput()
        by_day = Day(many=True)
        purposes = Purpose(many=True)
        choices = Choice(many=True)
        breakdowns = serializers.DictField(child=Row(many=True))

    @extend_schema(
        operation_id="get_opt_in",
        parameters=[
            SITE,
            OpenApiParameter("days", int, enum=list(rules.PERIODS)),
            OpenApiParameter("until", date, description="The period's last day; else today."),
            *(OpenApiParameter(dimension.value, str) for dimension in Dimension),
            OpenApiParameter("format", str, enum=["json", "csv"]),
        ],
        responses={
            (200, "application/json"): Output,
            (200, "text/csv"): OpenApiResponse(
                OpenApiTypes.STR, description="One line per day; empty = too few to tell."
            ),
            **errors(400, 401, 403, 404, 503),
        },
    )
    def get(self, request: Request) -> Response:
        """Return the opt-in rates, to people who may see statistics and to tokens for it."""
        named_site(request)
        asked = self.Query.read({key: request.query_params[key] for key in request.query_params})
        report = queries.get_opt_in_report(
            filters=rules.read_filters(request.query_params, site=asked["site"]),
            now=timezone.now(),
        )
        headers = {"Cache-Control": "private, no-store"}
        if request.accepted_renderer.format == "csv":
            name = f"opt-in-{report.filters.site}-{report.until:%Y%m%d}.csv"
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
            return Response(as_csv(report), headers=headers)
        return Response(as_json(report), headers=headers)


def as_json(report: OptInReport) -> dict[str, object]:
    """Return the report as the API answers it."""
    return {
        "site": report.filters.site,
        "days": report.filters.days,
        "until": report.until.isoformat(),
        "smallest": report.smallest,
        "funnel": _funnel(report.funnel),
        "shown_again": _number(report.shown_again),
        "asked_again": _number(report.asked_again),
        "withdrawn": _number(report.withdrawn),
        "by_day": [
            {
                "day": row.day.isoformat(),
                "funnel": _funnel(row.funnel),
                "shown_again": _number(row.shown_again),
                "asked_again": _number(row.asked_again),
                "withdrawn": _number(row.withdrawn),
            }
            for row in report.by_day
        ],
        "purposes": [
            {
                "code": purpose.code,
                "name": dict(purpose.name),
                "today": _rate(purpose.today),
                "week_before": _rate(purpose.week_before),
                "period": _rate(purpose.period),
                "by_day": [
                    {"day": day.isoformat(), **_rate(rate)}
                    for day, rate in zip(report.days, purpose.by_day, strict=True)
                ],
                "withdrawn": _number(purpose.withdrawn),
            }
            for purpose in report.purposes
        ],
        "choices": [
            {"id": choice.id, "name": dict(choice.name), "rate": _rate(choice.rate)}
            for choice in report.choices
        ],
        "breakdowns": {
            dimension.value: [
                {
                    "value": row.value,
                    "funnel": _funnel(row.funnel),
                    "rates": {code: _rate(rate) for code, rate in row.rates.items()},
                }
                for row in rows
            ]
            for dimension, rows in report.breakdowns.items()
        },
    }


def as_csv(report: OptInReport) -> str:
    """
    Return one line per day. Columns add up to the page's numbers; an empty field stands for a
    number too small to tell, which is in no sum either.
    """
    text = io.StringIO()
    # Excel reads UTF-8 only behind this mark.
    text.write("\ufeff")
    writer = csv.writer(text)
    writer.writerow(
        [
            "day", "shown", "decided", "allowed", "chosen", "refused", "ignored", "shown_again",
            *(
                f"{purpose.code}_{column}"
                for purpose in report.purposes
                for column in ("granted", "of_shown", "of_decided")
            ),
        ]
    )  # fmt: skip
    for index, row in enumerate(report.by_day):
        numbers = (
            row.funnel.shown, row.funnel.decided, row.funnel.allowed, row.funnel.chosen,
            row.funnel.refused, row.funnel.ignored, row.shown_again,
        )  # fmt: skip
        rates = [purpose.by_day[index] for purpose in report.purposes]
        writer.writerow(
            [
                row.day.isoformat(),
                *("" if number.is_hidden else number.value for number in numbers),
                *(
                    value
                    for rate in rates
                    for value in (
                        (rate.granted, rate.shown, rate.decided) if rate.shown else ("", "", "")
                    )
                ),
            ]
        )
    return text.getvalue()


def _number(number: Number) -> dict[str, object]:
    return {
        "value": None if number.is_hidden else number.value,
        "is_partial": number.is_partial,
    }


def _funnel(funnel: Funnel) -> dict[str, object]:
    return {
        "shown": _number(funnel.shown),
        "decided": _number(funnel.decided),
        "allowed": _number(funnel.allowed),
        "chosen": _number(funnel.chosen),
        "refused": _number(funnel.refused),
        "ignored": _number(funnel.ignored),
    }


def _rate(rate: Rate) -> dict[str, object]:
    return {
        "granted": rate.granted,
        "shown": rate.shown,
        "decided": rate.decided,
        "of_shown": rate.of_shown,
        "of_decided": rate.of_decided,
        "is_partial": rate.is_partial,
        "of_shown_between": _between(rate, Base.SHOWN),
        "of_decided_between": _between(rate, Base.DECIDED),
    }


def _between(rate: Rate, base: Base) -> dict[str, float] | None:
    bounds = base.bounds(rate)
    return {"low": bounds.low, "high": bounds.high} if base.whole(rate) else None
