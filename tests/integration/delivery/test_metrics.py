"""/metrics: what each number means, and who may read it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from tests.factories.registry import SITE, catalogue
from tests.fakes import FakePartner, Say, fake_partner
from tests.integration.delivery.conftest import (
    ADCO,
    RETARGETER,
    Tell,
    by_hand,
    database_away,
    deliver,
    lease_one,
    set_endpoint,
)
from tracking.delivery import operations
from tracking.delivery.types import ConfirmsBy
from tracking.lib.short_memory import forget_everything
from tracking.registry import operations as registry

pytestmark = pytest.mark.django_db

TOKEN = "a token of thirty-two characters"
MINUTE = timedelta(minutes=1)

Number = Callable[..., float]


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def get(authorization: str = f"Bearer {TOKEN}") -> HttpResponse:
    headers = {"Authorization": authorization} if authorization else {}
    return Client().get("/metrics", headers=headers)  # type: ignore[return-value]


def number(name: str, partner: str = ADCO, site: str = SITE, **labels: str) -> float:
    """Return one number as it is at this moment."""
    forget_everything()
    wanted = {"site": site, "partner": partner, **labels}
    for family in text_string_to_metric_families(get().content.decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == wanted:
                return float(sample.value)
    raise AssertionError(f"{name} of {wanted} is not there.")


def about(seconds: float) -> Any:
    """Match a number that grew while the test ran."""
    return pytest.approx(seconds + 5, abs=5)


# --- who may read


def test_without_a_token_in_the_settings_there_is_no_such_page(settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert get().status_code == 404
    assert get("Bearer ").status_code == 404


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}é"],
)
def test_who_lacks_the_token_learns_nothing(authorization: str) -> None:
    response = get(authorization)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert b"consent_" not in response.content


def test_the_format_is_the_text_that_prometheus_reads() -> None:
    response = get()
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    assert response["Cache-Control"] == "no-store"
    families = list(text_string_to_metric_families(response.content.decode()))
    assert len(families) == 20
    for family in families:
        assert family.name.startswith("consent_")
        assert family.documentation.endswith(".")
        assert family.type in {"gauge", "counter"}
    assert Client().post("/metrics").status_code == 405


def test_with_the_database_away_it_says_so_and_shows_no_old_numbers() -> None:
    forget_everything()
    with database_away():
        response = get()
        assert response.status_code == 503
        assert b"consent_" not in response.content
        assert get("").status_code == 401
    assert get().status_code == 200


def test_its_reads_are_few_however_many_partners_there_are(
    partner: FakePartner, tell: Tell, django_assert_num_queries: Any
) -> None:
    tell()
    deliver()
    tell(partner=RETARGETER)
    set_endpoint(partner, RETARGETER)
    forget_everything()
    # Sites, endpoints, what is due, what is open, totals, the pulse; the notice in effect, when it
    # is to be looked at again, whether somebody has; the last scans.
    with django_assert_num_queries(13):
        get()
    # Two servers that read at the same time cost no more than one.
    with django_assert_num_queries(0):
        get()


# --- what the numbers mean


def test_waiting_is_what_a_partner_has_not_been_told(partner: FakePartner, tell: Tell) -> None:
    tell(now=timezone.now() - 3 * MINUTE)
    tell()
    assert number("consent_deliveries_waiting") == 2
    assert number("consent_deliveries_oldest_unsaid_age_seconds") == about(180)
    deliver()
    assert number("consent_deliveries_waiting") == 0
    assert number("consent_deliveries_oldest_unsaid_age_seconds") == 0


def test_a_partner_without_an_endpoint_is_among_them(site_id: int, tell: Tell) -> None:
    tell(now=timezone.now() - MINUTE)
    assert number("consent_deliveries_waiting") == 1
    assert number("consent_deliveries_oldest_unsaid_age_seconds") == about(60)
    assert number("consent_partner_endpoint_state", state="none") == 1
    assert number("consent_partner_endpoint_state", state="active") == 0
    # Nothing can be sent, so nothing is late for that.
    assert number("consent_deliveries_oldest_due_age_seconds") == 0


def test_due_is_only_what_could_be_sent_at_once(partner: FakePartner, tell: Tell) -> None:
    tell(now=timezone.now() - MINUTE)
    assert number("consent_deliveries_oldest_due_age_seconds") == about(60)

    operations.pause(site=SITE, partner=ADCO, **by_hand())
    assert number("consent_deliveries_oldest_due_age_seconds") == 0
    assert number("consent_partner_endpoint_state", state="paused") == 1
    assert number("consent_partner_endpoint_state", state="active") == 0

    operations.resume(site=SITE, partner=ADCO, **{**by_hand(), "now": timezone.now() - MINUTE})
    assert number("consent_deliveries_oldest_due_age_seconds") == about(60)
    assert number("consent_partner_endpoint_state", state="active") == 1

    # On its way: whoever holds the lease answers for it.
    lease_one(now=timezone.now())
    assert number("consent_deliveries_oldest_due_age_seconds") == 0
    assert number("consent_deliveries_waiting") == 1


def test_what_waits_for_its_next_attempt_is_not_due(partner: FakePartner, tell: Tell) -> None:
    partner.answering = lambda _: Say(status=503, headers={"Retry-After": "120"})
    tell(now=timezone.now() - MINUTE)
    deliver()
    assert number("consent_deliveries_oldest_due_age_seconds") == 0
    assert number("consent_deliveries_oldest_unsaid_age_seconds") == about(60)


def test_an_open_breaker_is_told_and_its_pause_is_nobodys_delay(
    partner: FakePartner, tell: Tell
) -> None:
    assert number("consent_partner_breaker_state") == 0
    partner.answering = lambda _: Say(status=503)
    # Its pause of 30 s ended long ago.
    then = timezone.now() - 2 * MINUTE
    for _ in range(5):
        tell(now=then)
    deliver(clock=lambda: then)
    assert number("consent_partner_breaker_state") == 1
    assert number("consent_deliveries_oldest_due_age_seconds") == about(90)

    deliver()
    assert number("consent_partner_breaker_state") == 2
    assert number("consent_deliveries_oldest_due_age_seconds") == 0
    assert number("consent_deliveries_waiting") == 5


def test_dead_was_given_up_and_is_overdue_too(partner: FakePartner, tell: Tell) -> None:
    partner.answering = lambda _: Say(status=500)
    tell(now=timezone.now() - timedelta(hours=73))
    assert number("consent_deliveries_dead") == 0
    deliver()
    assert number("consent_deliveries_dead") == 1
    assert number("consent_deliveries_waiting") == 0
    assert number("consent_deliveries_overdue") == 1
    assert number("consent_deliveries_oldest_due_age_seconds") == 0

    assert operations.replay(site=SITE, partner=ADCO, **by_hand()) == 1
    assert number("consent_deliveries_dead") == 0
    assert number("consent_deliveries_waiting") == 1


def test_overdue_begins_at_the_deadline(partner: FakePartner, tell: Tell) -> None:
    tell(now=timezone.now() - timedelta(hours=23, minutes=59))
    assert number("consent_deliveries_overdue") == 0
    tell(now=timezone.now() - timedelta(hours=24, minutes=1))
    assert number("consent_deliveries_overdue") == 1


def test_unconfirmed_was_taken_and_lacks_the_partners_own_word(
    partner: FakePartner, tell: Tell
) -> None:
    set_endpoint(partner, confirms_by=ConfirmsBy.ACKNOWLEDGEMENT)
    then = timezone.now() - 2 * MINUTE
    tell(now=then)
    assert number("consent_deliveries_unconfirmed") == 0
    deliver(clock=lambda: then)
    assert number("consent_deliveries_unconfirmed") == 1
    assert number("consent_deliveries_oldest_unconfirmed_age_seconds") == about(120)
    assert number("consent_deliveries_waiting") == 0


def test_a_partner_that_answers_410_is_gone(partner: FakePartner, tell: Tell) -> None:
    partner.answering = lambda _: Say(status=410)
    tell()
    deliver()
    states = ("active", "paused", "gone", "none")
    assert [number("consent_partner_endpoint_state", state=state) for state in states] == [
        0, 0, 1, 0,
    ]  # fmt: skip


def test_requests_are_counted_by_outcome_and_never_fall(partner: FakePartner, tell: Tell) -> None:
    answers = iter([Say(hang_seconds=0.2), Say(status=503)])
    partner.answering = lambda _: next(answers)
    tell()
    deliver()
    tell()
    deliver()
    assert number("consent_delivery_requests_total", outcome="accepted") == 1
    assert number("consent_delivery_requests_total", outcome="unreachable") == 1
    seconds = number("consent_delivery_request_seconds_total", outcome="accepted")
    assert 0.2 <= seconds < 5
    operations.drop_old_tallies(now=timezone.now() + timedelta(days=500))
    assert number("consent_delivery_requests_total", outcome="accepted") == 1
    assert number("consent_delivery_request_seconds_total", outcome="accepted") == seconds


def test_the_pulse_is_how_long_ago_work_was_looked_for(partner: FakePartner) -> None:
    def pulse() -> float:
        forget_everything()
        families = text_string_to_metric_families(get().content.decode())
        [sample] = next(f for f in families if f.name.endswith("pulse_age_seconds")).samples
        return float(sample.value)

    assert math.isinf(pulse())
    deliver(clock=lambda: timezone.now() - MINUTE)
    assert pulse() == about(60)
    deliver()
    assert pulse() == about(0)


def test_partners_of_two_sites_are_told_apart(partner: FakePartner, tell: Tell) -> None:
    tell(now=timezone.now() - MINUTE)
    other = {**catalogue()["site"], "code": "other", "origins": ["https://other.example"]}
    registry.apply_catalogue(catalogue=catalogue(site=other))
    with fake_partner() as fake:
        set_endpoint(fake, site="other")
        assert number("consent_deliveries_waiting") == 1
        assert number("consent_deliveries_waiting", site="other") == 0
        assert number("consent_deliveries_oldest_due_age_seconds") == about(60)
        assert number("consent_deliveries_oldest_due_age_seconds", site="other") == 0
        operations.pause(site="other", partner=ADCO, **by_hand())
        assert number("consent_partner_endpoint_state", state="active") == 1
        assert number("consent_partner_endpoint_state", site="other", state="paused") == 1
