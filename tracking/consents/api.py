"""The API of decisions, revocations and receipts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.validators import RegexValidator
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracking.consents import (
    cookies,
    erasures,
    operations,
    provision_queries,
    provisions,
    queries,
)
from tracking.consents.types import (
    AgeBand,
    DeliveryStatus,
    Erased,
    Method,
    Recorded,
    Stage,
    Submission,
    Surface,
    from_maps,
)
from tracking.web.errors import errors
from tracking.web.fields import (
    StrictBoolean,
    StrictInteger,
    StrictSerializer,
    StrictText,
    answers,
    code,
    millisecond_counter,
    referrer,
    variant,
)
from tracking.web.site import SITE, named_site

SURFACES = [surface.value for surface in Surface]
AGE_BANDS = [band.value for band in AgeBand]


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 256},
        },
        "examples": [{"google": {"ga_client_id": "GA1.1.1000000000.1700000000"}}],
    }
)
class IdentifiersField(serializers.JSONField):
    """Partner code → kind → value. What is wrong with it is for the operation to say."""


def _brought_along() -> IdentifiersField:
    return IdentifiersField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Under what partners that lose something know this device: told to them, and not "
        "kept. What is not declared or malformed is left out, if anything is refused.",
    )


def _impression() -> StrictText:
    return StrictText(
        required=False,
        default=None,
        allow_null=True,
        allow_blank=True,
        max_length=256,
        trim_whitespace=False,
        help_text="What `POST /v1/shown` answered, good for one decision. Without a good one a "
        "decision has all its effects, and is left out of the statistics.",
    )


class ChoicesOutput(serializers.Serializer[Any]):
    """A device's choices as they stand; ids look like `purpose:analytics`."""

    granted = serializers.ListField(child=serializers.CharField())
    refused = serializers.ListField(child=serializers.CharField())
    decided_at = serializers.IntegerField(help_text="Epoch seconds.")
    notice = serializers.IntegerField()
    with_signal = serializers.BooleanField()
    seq = serializers.IntegerField()


class NoticeOutput(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    hash = serializers.CharField(help_text="SHA-256 of the notice's canonical JSON, hex.")


class ChoiceMapsOutput(serializers.Serializer[Any]):
    purposes = serializers.DictField(child=serializers.BooleanField())
    data_items = serializers.DictField(child=serializers.BooleanField())
    partners = serializers.DictField(child=serializers.BooleanField())


class ReceiptOutput(serializers.Serializer[Any]):
    """The visitor's copy of a record."""

    key = serializers.UUIDField()
    recorded_at = serializers.DateTimeField()
    site = serializers.CharField()
    notice = NoticeOutput()
    method = serializers.ChoiceField(choices=[m.value for m in Method])
    surface = serializers.ChoiceField(choices=SURFACES)
    regime = serializers.CharField()
    language = serializers.CharField()
    choices = ChoiceMapsOutput()
    age_band = serializers.ChoiceField(
        choices=AGE_BANDS, required=False, help_text="Only if one was said."
    )
    guardian_consent = serializers.BooleanField(required=False)


class DeliveryOutput(serializers.Serializer[Any]):
    """How far one partner is."""

    partner = serializers.CharField()
    legal_name = serializers.DictField(child=serializers.CharField())
    status = serializers.ChoiceField(choices=[stage.value for stage in Stage])
    due_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(
        allow_null=True, help_text="When the partner took the message."
    )
    confirmed_at = serializers.DateTimeField(
        allow_null=True, help_text="Only with `confirmed`, which alone is a success."
    )
    is_open = serializers.BooleanField(
        help_text="More may come of it by itself. False: it ended, or a person must see to it."
    )


class RecordedOutput(serializers.Serializer[Any]):
    receipt = ReceiptOutput()
    choices = ChoicesOutput()
    deliveries = DeliveryOutput(many=True)
    device_token = serializers.CharField(
        required=False, help_text="Only when the request carried X-Consent-Device."
    )


def _delivery(status: DeliveryStatus) -> dict[str, object]:
    return {
        "partner": status.partner,
        "legal_name": dict(status.legal_name),
        "status": status.status,
        "due_at": status.due_at.isoformat(timespec="seconds"),
        "sent_at": status.sent_at and status.sent_at.isoformat(timespec="seconds"),
        "confirmed_at": status.confirmed_at and status.confirmed_at.isoformat(timespec="seconds"),
        "is_open": status.is_open,
    }


def _answer(request: Request, recorded: Recorded) -> Response:
    response = Response(_body(request, recorded), status=200 if recorded.is_replay else 201)
    _keep(request, response, recorded)
    return response


def _body(request: Request, recorded: Recorded) -> dict[str, object]:
    body: dict[str, object] = {
        "receipt": recorded.receipt.as_json(),
        "choices": recorded.choices.as_json(),
        "deliveries": [_delivery(status) for status in recorded.deliveries],
    }
    if cookies.HEADER in request.headers and recorded.device_token is not None:
        body["device_token"] = recorded.device_token
    return body


def _keep(request: Request, response: Response, recorded: Recorded) -> None:
    if cookies.HEADER not in request.headers:
        cookies.keep(response, recorded)


class DecisionView(APIView):
    """
    A view whose errors say what became of the decision.

    Refused tokens leave the browser, so that the next decision starts anew. Of a decision that was
    only taken in part, that part is answered as any other.
    """

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        if isinstance(exc, operations.TokenRefused):
            cookies.drop_token(response)
        if isinstance(exc, operations.GuardianNeeded) and exc.recorded is not None:
            response.data["fields"] = {"recorded": _body(self.request, exc.recorded)}
            _keep(self.request, response, exc.recorded)
        return response


class Consents(DecisionView):
    class Input(StrictSerializer):
        site = code()
        notice = StrictInteger(min_value=1, max_value=2**31 - 1)
        idempotency_key = StrictText(min_length=16, max_length=64)
        client_seq = millisecond_counter()
        method = serializers.ChoiceField(choices=[m.value for m in Method])
        surface = serializers.ChoiceField(choices=SURFACES)
        language = code()
        gpc = StrictBoolean(required=False, default=False)
        is_history = StrictBoolean(
            required=False,
            default=False,
            help_text="The visitor decided again since; this one is for the record only.",
        )
        device_seed = StrictText(
            required=False,
            max_length=32,
            trim_whitespace=False,
            validators=[RegexValidator("^[0-9a-f]{32}$")],
            help_text="16 random bytes in hex that the browser sends until its first decision is "
            "acknowledged, so that its first decisions are one device's. Not kept.",
        )
        purposes = answers()
        data_items = answers()
        partners = answers()
        identifiers = _brought_along()
        impression = _impression()
        variant = variant()
        referrer = referrer()
        age_band = serializers.ChoiceField(
            choices=AGE_BANDS,
            required=False,
            help_text="How old the visitor says to be, for sites that ask (`asks_age`); `under_16` "
            "is 13 to 15, `under_18` 16 and 17.",
        )
        guardian_consent = StrictBoolean(
            required=False,
            help_text="The child's guardian agreed to what is granted; only with `age_band`.",
        )

    @extend_schema(
        operation_id="record_consent",
        request=Input,
        responses={
            201: RecordedOutput,
            200: RecordedOutput,
            **errors(400, 403, 404, 409, 413, 415, 503),
        },
    )
    def post(self, request: Request) -> Response:
        """Record a decision, once however often it is sent."""
        sent = self.Input.read(request.data)
        granted, refused = from_maps(
            purposes=sent["purposes"], data_items=sent["data_items"], partners=sent["partners"]
        )
        recorded = operations.record_consent(
            submission=Submission(
                site=sent["site"],
                notice=sent["notice"],
                idempotency_key=sent["idempotency_key"],
                client_seq=sent["client_seq"],
                method=Method(sent["method"]),
                surface=Surface(sent["surface"]),
                language=sent["language"],
                gpc=sent["gpc"] or request.headers.get("Sec-GPC") == "1",
                granted=granted,
                refused=refused,
                is_history=sent["is_history"],
                age_band=AgeBand(sent["age_band"]) if "age_band" in sent else None,
                guardian_consent=sent.get("guardian_consent"),
                identifiers=sent["identifiers"],
                impression=sent["impression"],
                variant=sent["variant"],
                referrer=sent["referrer"],
            ),
            visit=cookies.read_visit(request, device_seed=sent.get("device_seed")),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return _answer(request, recorded)

    class History(serializers.Serializer[Any]):
        records = ReceiptOutput(many=True)

    @extend_schema(
        operation_id="list_consents",
        parameters=[SITE],
        responses={200: History, **errors(400, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        """Return what this device decided, newest first."""
        receipts = queries.list_receipts(
            site_code=named_site(request),
            token_text=_token(request),
            keys=settings.CONSENT_KEYS,
        )
        return _private({"records": [receipt.as_json() for receipt in receipts]})


class CurrentConsent(APIView):
    class Output(serializers.Serializer[Any]):
        choices = ChoicesOutput(allow_null=True)

    @extend_schema(
        operation_id="get_current_consent",
        parameters=[SITE],
        responses={200: Output, **errors(400, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        """Return this device's choices; null means that it has not decided, or is not known."""
        choices = queries.find_choices(
            site_code=named_site(request),
            token_text=_token(request),
            keys=settings.CONSENT_KEYS,
        )
        return _private({"choices": None if choices is None else choices.as_json()})


class Revocations(DecisionView):
    class Input(StrictSerializer):
        site = code()
        idempotency_key = StrictText(min_length=16, max_length=64)
        client_seq = millisecond_counter()
        surface = serializers.ChoiceField(choices=SURFACES)
        language = code()
        all = StrictBoolean(required=False, default=False)
        purposes = serializers.ListField(child=code(), required=False, default=list)
        data_items = serializers.ListField(child=code(), required=False, default=list)
        partners = serializers.ListField(child=code(), required=False, default=list)
        identifiers = _brought_along()
        impression = _impression()
        variant = variant()
        referrer = referrer()

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            if attrs["all"] == bool(attrs["purposes"] or attrs["data_items"] or attrs["partners"]):
                raise serializers.ValidationError(
                    {"all": ["Say `all`, or name what is withdrawn; one of the two."]}
                )
            return attrs

    @extend_schema(
        operation_id="revoke_consent",
        request=Input,
        responses={
            201: RecordedOutput,
            200: RecordedOutput,
            **errors(400, 403, 404, 413, 415, 503),
        },
    )
    def post(self, request: Request) -> Response:
        """Withdraw everything, or some purposes, data items or partners."""
        sent = self.Input.read(request.data)
        _, refused = from_maps(
            purposes=dict.fromkeys(sent["purposes"], False),
            data_items=dict.fromkeys(sent["data_items"], False),
            partners=dict.fromkeys(sent["partners"], False),
        )
        recorded = operations.revoke(
            site=sent["site"],
            idempotency_key=sent["idempotency_key"],
            client_seq=sent["client_seq"],
            surface=Surface(sent["surface"]),
            language=sent["language"],
            refused=None if sent["all"] else refused,
            visit=cookies.read_visit(request),
            identifiers=sent["identifiers"],
            impression=sent["impression"],
            variant=sent["variant"],
            referrer=sent["referrer"],
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return _answer(request, recorded)


class Identifiers(APIView):
    class Input(StrictSerializer):
        site = code()
        identifiers = IdentifiersField()

    @extend_schema(
        operation_id="keep_identifiers",
        request=Input,
        responses={204: None, **errors(400, 403, 404, 413, 415, 503)},
    )
    def post(self, request: Request) -> Response:
        """
        Keep under what partners know this device, while they may receive something from it.

        Told to the partner with the withdrawal that ends that, and deleted.
        """
        sent = self.Input.read(request.data)
        operations.keep_identifiers(
            site=sent["site"],
            identifiers=sent["identifiers"],
            visit=cookies.read_visit(request),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return Response(status=204)


class ProgressOutput(serializers.Serializer[Any]):
    """How far all partners are that had to be told of something."""

    partners = DeliveryOutput(many=True)
    total = serializers.IntegerField()
    confirmed = serializers.IntegerField()


def _progress(statuses: Sequence[DeliveryStatus]) -> dict[str, object]:
    return {
        "partners": [_delivery(status) for status in statuses],
        "total": len(statuses),
        "confirmed": sum(status.status is Stage.CONFIRMED for status in statuses),
    }


class RevocationStatus(APIView):
    @extend_schema(
        operation_id="get_revocation_status",
        parameters=[SITE],
        responses={200: ProgressOutput, **errors(400, 404, 503)},
    )
    def get(self, request: Request, key: UUID) -> Response:
        """Return how far each partner is that a withdrawal had to be told to."""
        statuses = queries.list_deliveries(
            site_code=named_site(request),
            key=key,
            token_text=_token(request),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return _private(_progress(statuses))


class ErasureOutput(ProgressOutput):
    """An erasure; whoever has its key may read this, and nobody without."""

    key = serializers.UUIDField()
    erased_at = serializers.DateTimeField()


class ErasedOutput(ErasureOutput):
    choices = ChoicesOutput(help_text="For the browser to keep: everything is refused.")


def _erasure(erased: Erased) -> dict[str, object]:
    return {
        "key": str(erased.key),
        "erased_at": erased.erased_at.isoformat(timespec="seconds"),
        **_progress(erased.deliveries),
    }


class Erasures(APIView):
    class Input(StrictSerializer):
        site = code()
        idempotency_key = StrictText(min_length=16, max_length=64)
        surface = serializers.ChoiceField(choices=SURFACES)
        language = code()

    @extend_schema(
        operation_id="erase_device",
        request=Input,
        responses={
            201: ErasedOutput,
            200: ErasedOutput,
            **errors(400, 403, 404, 413, 415, 503),
        },
    )
    def post(self, request: Request) -> Response:
        """Withdraw everything, have every partner forget this device, and forget it."""
        sent = self.Input.read(request.data)
        erased = erasures.erase(
            site=sent["site"],
            idempotency_key=sent["idempotency_key"],
            surface=Surface(sent["surface"]),
            language=sent["language"],
            visit=cookies.read_visit(request),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        response = _private({**_erasure(erased), "choices": erased.choices.as_json()})
        response.status_code = 200 if erased.is_replay else 201
        if cookies.HEADER not in request.headers:
            cookies.forget(response, erased)
        return response


class ErasureStatus(APIView):
    @extend_schema(
        operation_id="get_erasure_status",
        parameters=[SITE],
        responses={200: ErasureOutput, **errors(400, 404, 503)},
    )
    def get(self, request: Request, key: UUID) -> Response:
        """Return how far each partner is with an erasure; needs its key, and no token."""
        erased = queries.get_erasure(site_code=named_site(request), key=key, now=timezone.now())
        return _private(_erasure(erased))


class Receipts(APIView):
    @extend_schema(
        operation_id="get_receipt",
        parameters=[SITE],
        responses={200: ReceiptOutput, **errors(400, 404, 503)},
    )
    def get(self, request: Request, key: UUID) -> Response:
        """Return one receipt of this device."""
        receipt = queries.get_receipt(
            site_code=named_site(request),
            key=key,
            token_text=_token(request),
            keys=settings.CONSENT_KEYS,
        )
        return _private(receipt.as_json())


class ProvisionOutput(serializers.Serializer[Any]):
    """What one recipient could receive of this device because of a grant."""

    class ForeignOutput(serializers.Serializer[Any]):
        """What was told of a recipient abroad (APPI Art. 28, Rule 17(2))."""

        country = serializers.CharField()
        basis = serializers.CharField(help_text="`consent`, `adequate`, `equivalent` or empty.")
        system = serializers.DictField(child=serializers.CharField())
        measures = serializers.DictField(child=serializers.CharField())
        information_version = serializers.IntegerField(help_text="The notice that told it.")

    class RecipientOutput(serializers.Serializer[Any]):
        code = serializers.CharField()
        role = serializers.CharField()
        legal_name = serializers.DictField(child=serializers.CharField())
        address = serializers.DictField(child=serializers.CharField())
        representative = serializers.DictField(child=serializers.CharField())
        country = serializers.CharField()

    class ProvidedTagOutput(serializers.Serializer[Any]):
        code = serializers.CharField()
        transport = serializers.CharField()
        is_linkable = serializers.BooleanField()

    agreed_on_notice = serializers.IntegerField(
        help_text="The notice on which this device decided."
    )
    notice = serializers.IntegerField(help_text="The notice whose text names recipient and items.")
    confirmation = serializers.DictField(
        child=serializers.CharField(), help_text="How it was confirmed that people agreed."
    )
    foreign = ForeignOutput(allow_null=True)
    recipient = RecipientOutput()
    data_items = serializers.DictField(child=serializers.DictField(child=serializers.CharField()))
    tags = ProvidedTagOutput(many=True)
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True, help_text="null = still open.")


class Provisions(APIView):
    class Output(serializers.Serializer[Any]):
        provisions = ProvisionOutput(many=True)

    @extend_schema(
        operation_id="list_provisions",
        parameters=[SITE],
        responses={200: Output, **errors(400, 404, 503)},
    )
    def get(self, request: Request) -> Response:
        """Return who could receive what of this device, from when to when, newest first."""
        found = provision_queries.list_own(
            site_code=named_site(request),
            token_text=_token(request),
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
        return _private({"provisions": [provisions.as_json(one) for one in reversed(found)]})


def _token(request: Request) -> str | None:
    return None if cookies.are_doubtful(request) else cookies.read_token(request)


def _private(body: dict[str, object]) -> Response:
    return Response(body, headers={"Cache-Control": "private, no-store"})
