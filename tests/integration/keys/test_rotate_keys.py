"""`manage.py rotate_keys`: nothing needs the old key afterwards, and no value is lost."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.factories.identifiers import kept, make_identifying_site, told
from tests.factories.registry import SITE
from tests.fakes import SECRET
from tests.visitors import Visitor
from tracking.consents import identifiers
from tracking.consents.models import Identifier
from tracking.delivery import operations as delivery
from tracking.delivery.models import Endpoint
from tracking.lib import sealing
from tracking.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db

STATCO = {"statco": {"ga_client_id": "GA1.1.8.9"}}
ADCO = {"adco": {"cookie_id": "ad-8", "user_id": "member 7"}}
NEXT_SECRET = "whsec_" + "Tk9PTk9PTk9PTk9PTk9PTk9PTk9PTk9PTk9PTk9PTk8="


@pytest.fixture
def visitor(db: None, settings: Any) -> Visitor:
    """Two identifiers kept, two on their way, an endpoint in the middle of changing its secret."""
    visitor = Visitor(make_identifying_site())
    visitor.allow()
    visitor.post("/v1/identifiers", {"site": SITE, "identifiers": STATCO | ADCO})
    visitor.revoke(partners=["adco"])
    delivery.set_endpoint(
        site=SITE, partner="adco", url="https://adco.example/hook", secret=SECRET,
        keys=settings.CONSENT_KEYS, allow_loopback=False, actor="ops", now=timezone.now(),
    )  # fmt: skip
    delivery.rotate_secret(
        site=SITE,
        partner="adco",
        secret=NEXT_SECRET,
        keys=settings.CONSENT_KEYS,
        actor="ops",
        now=timezone.now(),
    )
    return visitor


def add_key(settings: Any) -> dict[str, bytes]:
    """Put a new key in front and return the old ones."""
    old = dict(settings.CONSENT_KEYS)
    settings.CONSENT_KEYS = {"new": secrets.token_bytes(32), **old}
    return old


def rotate(capsys: pytest.CaptureFixture[str]) -> list[str]:
    call_command("rotate_keys")
    return capsys.readouterr().out.splitlines()


def place(settings: Any) -> Any:
    return delivery.open_place(
        Endpoint.objects.select_related("partner").get(), keys=settings.CONSENT_KEYS
    )


def test_everything_opens_with_the_new_key_alone(
    visitor: Visitor, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    add_key(settings)

    assert rotate(capsys) == [
        "identifiers of devices: 1 sealed anew, 0 cannot be opened.",
        "identifiers on their way to partners: 2 sealed anew, 0 cannot be opened.",
        "secrets of partners: 2 sealed anew, 0 cannot be opened.",
        "All is sealed with new.",
    ]

    settings.CONSENT_KEYS = {"new": settings.CONSENT_KEYS["new"]}
    assert kept() == STATCO
    assert told("adco") == ADCO["adco"]
    assert place(settings).secrets == (NEXT_SECRET, SECRET)


def test_run_again_it_finds_nothing_to_do(
    visitor: Visitor, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    add_key(settings)
    rotate(capsys)
    before = [*Identifier.objects.values(), *OutboxEvent.objects.values()]

    assert [line.partition(": ")[2][:2] for line in rotate(capsys)[:3]] == ["0 "] * 3
    assert [*Identifier.objects.values(), *OutboxEvent.objects.values()] == before


def test_it_goes_on_where_it_was_stopped(
    visitor: Visitor,
    settings: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    more = {"mailer": {"email_sha256": "e"}}
    visitor.post("/v1/identifiers", {"site": SITE, "identifiers": more})
    add_key(settings)
    real = sealing.reseal

    def stop_at_the_second(sealed: bytes, **how: Any) -> bytes | None:
        monkeypatch.setattr(sealing, "reseal", stop)
        return real(sealed, **how)

    def stop(sealed: bytes, **how: Any) -> bytes | None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sealing, "reseal", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        rotate(capsys)
    monkeypatch.setattr(sealing, "reseal", real)
    assert kept() == STATCO | more

    assert rotate(capsys)[0] == "identifiers of devices: 1 sealed anew, 0 cannot be opened."


def test_what_cannot_be_opened_is_counted_left_alone_and_no_success(
    visitor: Visitor, settings: Any, capsys: pytest.CaptureFixture[str], caplog: Any
) -> None:
    old = add_key(settings)
    settings.CONSENT_KEYS = {"new": settings.CONSENT_KEYS["new"]}

    with pytest.raises(CommandError, match="5 were sealed with a key that is not in CONSENT_KEYS"):
        call_command("rotate_keys")

    assert "0 sealed anew, 2 cannot be opened" in capsys.readouterr().out
    assert f"event {OutboxEvent.objects.get(addressee='adco').pk} cannot" in caplog.text
    settings.CONSENT_KEYS = old
    assert kept() == STATCO
    assert told("adco") == ADCO["adco"]
    assert place(settings).secrets == (NEXT_SECRET, SECRET)


def test_a_value_that_changes_meanwhile_is_not_overwritten(
    visitor: Visitor, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(settings)
    real = sealing.reseal

    def replaced_meanwhile(sealed: bytes, **how: Any) -> bytes | None:
        anew = real(sealed, **how)
        visitor.post(
            "/v1/identifiers",
            {"site": SITE, "identifiers": {"statco": {"ga_client_id": "GA1.1.10.11"}}},
        )
        return anew

    monkeypatch.setattr(sealing, "reseal", replaced_meanwhile)

    assert identifiers.reseal(keys=settings.CONSENT_KEYS).changed == 0
    assert kept() == {"statco": {"ga_client_id": "GA1.1.10.11"}}


def test_partners_go_on_knowing_devices_by_the_same_name(
    visitor: Visitor, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = OutboxEvent.objects.get(addressee="adco").subject
    add_key(settings)
    rotate(capsys)

    visitor.allow()
    visitor.refuse()

    assert OutboxEvent.objects.get(addressee="adco").subject == subject
