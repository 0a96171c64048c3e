"""Events to tell and partners to tell them to."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from tests.factories.registry import SITE
from tests.fakes import FakePartner, fake_partner
from tracking.audit.types import COMMAND_LINE
from tracking.delivery import operations, run
from tracking.delivery.types import ConfirmsBy, Drained
from tracking.notices.types import Notice
from tracking.outbox import operations as outbox
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import News
from tracking.registry.models import Site

ADCO, RETARGETER = "adco", "retargeter"


@pytest.fixture(autouse=True)
def _no_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker listens here; hints have their own journey."""
    monkeypatch.setattr("tracking.outbox.hints.hint", lambda: None)


@pytest.fixture
def site_id(notice: Notice) -> int:
    return Site.objects.get(code=SITE).pk


Tell = Callable[..., OutboxEvent]


@pytest.fixture
def tell(site_id: int) -> Tell:
    """Append news as the producer does and return its row."""

    def append(
        *,
        partner: str = ADCO,
        subject: str = "",
        version: int = 1,
        is_revocation: bool = True,
        now: datetime | None = None,
        sla_hours: int = 24,
    ) -> OutboxEvent:
        now = now or timezone.now()
        subject = subject or secrets.token_urlsafe(12)
        news = News(
            addressee=partner,
            subject=subject,
            kind="consent",
            version=version,
            payload={
                "type": "consent.revoked" if is_revocation else "consent.granted",
                "timestamp": now.isoformat(timespec="seconds"),
                "data": {"subject": subject, "version": version, "withdrawn": ["広告"]},
            },
            due_at=now + timedelta(hours=sla_hours),
        )
        with transaction.atomic():
            outbox.append(site_id=site_id, news=[news], now=now)
        return OutboxEvent.objects.get(site_id=site_id, addressee=partner, subject=subject)

    return append


@pytest.fixture
def partner(site_id: int) -> Iterator[FakePartner]:
    """`adco`, listening."""
    with fake_partner() as adco:
        set_endpoint(adco)
        yield adco


def set_endpoint(fake: FakePartner, partner: str = ADCO, **fields: Any) -> None:
    operations.set_endpoint(
        **{
            "site": SITE,
            "partner": partner,
            "url": fake.url,
            "secret": fake.secrets[0],
            "keys": settings.CONSENT_KEYS,
            "allow_loopback": True,
            "confirms_by": ConfirmsBy.RESPONSE,
            "actor": COMMAND_LINE,
            "now": timezone.now(),
            **fields,
        }
    )


def by_hand() -> dict[str, Any]:
    """Return who acts, and when."""
    return {"actor": COMMAND_LINE, "now": timezone.now()}


def deliver(**how: Any) -> Drained:
    """One run; `chance=1` makes every pause as long as it can be."""
    return run.deliver_due(
        **{
            "keys": settings.CONSENT_KEYS,
            "allow_loopback": True,
            "clock": timezone.now,
            "chance": lambda: 1.0,
            **how,
        }
    )


def lease_one(*, now: datetime) -> None:
    """Lease an event that is due, as a run does, and do not send it."""
    assert list(
        run._Desk(keys=settings.CONSENT_KEYS).claim(most=1, but=frozenset(), answered={}, now=now)
    )


@contextmanager
def database_away() -> Iterator[None]:
    """Refuse every statement."""

    def refuse(*_: Any) -> None:
        raise OperationalError

    with connection.execute_wrapper(refuse):
        yield
