"""What a Prometheus server reads. The numbers are PostgreSQL's: any web process knows them all."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout

from tracking.delivery import queries as delivery
from tracking.delivery.types import BreakerState, EndpointState, PartnerFigures
from tracking.insights import alert_queries
from tracking.insights import queries as insights
from tracking.insights.types import Counting
from tracking.lib.short_memory import remembered
from tracking.notices import queries as notices
from tracking.scans import queries as scans
from tracking.scans.types import ScanInfo

# Shorter than any sensible pause between two readings: else a counter of one process could be
# behind what another one has just told.
REMEMBERED_SECONDS = 5.0

_LABELS = ("site", "partner")
_BREAKER = {BreakerState.CLOSED: 0, BreakerState.PROBING: 1, BreakerState.OPEN: 2}
_NO_ENDPOINT = "none"

# Name, explanation and value, where a partner has one number of a kind.
_GAUGES: tuple[tuple[str, str, Callable[[PartnerFigures, datetime], float]], ...] = (
    (
        "consent_deliveries_waiting",
        "Events that the partner has not been told yet.",
        lambda one, now: one.backlog.waiting,
    ),
    (
        "consent_deliveries_dead",
        "Events that were given up and wait for an operator to replay them.",
        lambda one, now: one.backlog.dead,
    ),
    (
        "consent_deliveries_overdue",
        "Events that the partner has not confirmed by their deadline.",
        lambda one, now: one.backlog.overdue,
    ),
    (
        "consent_deliveries_unconfirmed",
        "Events that the partner took and has not confirmed yet.",
        lambda one, now: one.backlog.unconfirmed,
    ),
    (
        "consent_deliveries_oldest_unsaid_age_seconds",
        "Age of the oldest event that the partner has not been told, whatever the reason.",
        lambda one, now: _age(one.backlog.oldest_unsaid_at, now),
    ),
    (
        "consent_deliveries_oldest_due_age_seconds",
        "How long something has been due that could be sent at once.",
        lambda one, now: _age(one.due_since, now),
    ),
    (
        "consent_deliveries_oldest_unconfirmed_age_seconds",
        "How long ago the partner took the oldest event that it has not confirmed.",
        lambda one, now: _age(one.backlog.oldest_unconfirmed_at, now),
    ),
    (
        "consent_partner_breaker_state",
        "0 closed, 1 probing, 2 open: nothing is sent.",
        lambda one, now: _BREAKER[one.breaker],
    ),
)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format to whoever has the token."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not _has_token(request):
        response = HttpResponse("The bearer token is missing or wrong.\n", "text/plain", 401)
        response["WWW-Authenticate"] = "Bearer"
        return response
    try:
        text = _text()
    except (DatabaseError, PoolTimeout):
        return HttpResponse("The database is away.\n", "text/plain", 503)
    response = HttpResponse(text, CONTENT_TYPE_LATEST)
    response["Cache-Control"] = "no-store"
    return response


def _has_token(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN.encode()
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), wanted)


@remembered(seconds=REMEMBERED_SECONDS)
def _text() -> bytes:
    return generate_latest(_Figures())


class _Figures(Collector):
    """The numbers of the moment at which they are asked for."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        figures = delivery.get_figures(now=now)
        pulse = GaugeMetricFamily(
            "consent_delivery_pulse_age_seconds",
            "How long ago somebody last looked for something to tell; infinite if never.",
        )
        looked_for_at = figures.looked_for_at
        pulse.add_metric((), float("inf") if looked_for_at is None else _age(looked_for_at, now))
        yield pulse
        for name, explanation, value in _GAUGES:
            gauge = GaugeMetricFamily(name, explanation, labels=_LABELS)
            for one in figures.partners:
                gauge.add_metric((one.site, one.partner), value(one, now))
            yield gauge
        yield _endpoint_states(figures.partners)
        yield _reviews(now)
        yield from _requests(figures.partners)
        yield from _scans(scans.list_last_scans(), now)
        yield from _counting(insights.get_counting(), now)
        yield _alerts()


def _endpoint_states(partners: tuple[PartnerFigures, ...]) -> Metric:
    gauge = GaugeMetricFamily(
        "consent_partner_endpoint_state",
        "1 at the state of the partner's endpoint, 0 at the others.",
        labels=(*_LABELS, "state"),
    )
    for one in partners:
        for state in (*EndpointState, _NO_ENDPOINT):
            gauge.add_metric((one.site, one.partner, state), state == (one.state or _NO_ENDPOINT))
    return gauge


def _reviews(now: datetime) -> Metric:
    gauge = GaugeMetricFamily(
        "consent_notice_review_days",
        "Days until the site's notice is to be looked at again; negative when that is overdue.",
        labels=("site",),
    )
    for one in notices.list_reviews():
        today = now.astimezone(ZoneInfo(one.zone)).date()
        gauge.add_metric((one.site_code,), (one.review_on - today).days)
    return gauge


def _requests(partners: tuple[PartnerFigures, ...]) -> tuple[Metric, Metric]:
    labels = (*_LABELS, "outcome")
    count = CounterMetricFamily(
        "consent_delivery_requests", "Requests to the partner, by how they ended.", labels=labels
    )
    seconds = CounterMetricFamily(
        "consent_delivery_request_seconds", "Time that these requests took in all.", labels=labels
    )
    for one in partners:
        for total in one.totals:
            values = (one.site, one.partner, total.outcome)
            count.add_metric(values, total.requests)
            seconds.add_metric(values, total.total_ms / 1000)
    return count, seconds


def _scans(last: Sequence[ScanInfo], now: datetime) -> tuple[Metric, Metric]:
    alarms = GaugeMetricFamily(
        "consent_scan_alarms",
        "What the last scan of the site found to be not as published.",
        labels=("site",),
    )
    age = GaugeMetricFamily(
        "consent_scan_age_seconds",
        "How long ago the last scan of the site ended; none if there never was one.",
        labels=("site",),
    )
    for scan in last:
        alarms.add_metric((scan.site_code,), scan.alarms)
        age.add_metric((scan.site_code,), _age(scan.finished_at, now))
    return alarms, age


def _counting(waiting: Counting, now: datetime) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "consent_decisions_uncounted",
        "Decisions that are recorded and not in the statistics yet.",
        value=waiting.decisions,
    )
    yield GaugeMetricFamily(
        "consent_decisions_uncounted_age_seconds",
        "Age of the oldest of them.",
        value=_age(waiting.oldest_decision_at, now),
    )
    showings = GaugeMetricFamily(
        "consent_showings_uncounted",
        "Showings of the banner that wait in Redis to be counted; none while it is away.",
    )
    if waiting.showings is not None:
        showings.add_metric((), waiting.showings)
    yield showings
    told = GaugeMetricFamily(
        "consent_numbers_told_age_seconds",
        "How long ago the statistics last took in what was counted; infinite if never.",
    )
    told_at = waiting.told_at
    told.add_metric((), float("inf") if told_at is None else _age(told_at, now))
    yield told


def _alerts() -> Metric:
    gauge = GaugeMetricFamily(
        "consent_insights_alerts",
        "Open alerts about the site's numbers, by kind.",
        labels=("site", "kind"),
    )
    for (site, kind), count in alert_queries.count_open().items():
        gauge.add_metric((site, kind), count)
    return gauge


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())
