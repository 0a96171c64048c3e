"""The run that tells partners: claim what is due, send it, settle what came back, and again."""

from __future__ import annotations

import gc
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import count

from tracking.delivery import models, operations, rules, settlements
from tracking.delivery.sender import Sender
from tracking.delivery.settlements import Ended, Request
from tracking.delivery.transports import TRANSPORTS
from tracking.delivery.transports.base import Send, Way
from tracking.delivery.types import (
    AttemptOutcome,
    Breaker,
    ConfirmsBy,
    Drained,
    EndpointState,
    Message,
    Parcel,
    Place,
    Reply,
    Transport,
)
from tracking.lib import sealing
from tracking.lib.outbound_http import TOTAL_SECONDS
from tracking.outbox import operations as outbox
from tracking.outbox.types import ClaimedEvent, Slot, sealing_context

logger = logging.getLogger(__name__)

Keys = Mapping[str, bytes]
Clock = Callable[[], datetime]
Addressee = tuple[int, str]

# So long a run takes new events for everybody.
RUN_SECONDS = 10.0
# What one process has on its way at a time, however long the backlog is: so many requests, and of
# partners that take many messages at once, so many messages each.
MOST_ON_THEIR_WAY = 1024
_MOST_IN_PARCELS = 2000
# While something is on its way, look this often for what has become due meanwhile.
_LOOK_AGAIN_SECONDS = 0.1
# Replies that come together are settled together.
_GATHER_SECONDS = 0.003
# Endpoints change by an operator's hand and by what comes back; this old they may be.
_ENDPOINTS_SECONDS = 0.25
_BEAT_SECONDS = _BOOKS_SECONDS = 1.0
# A question each, one after another: all of them must be asked before the lease runs out.
_MOST_TICKETS = 10
# A partner that has not answered by then is not waited for when a run ends.
_PROMPT = timedelta(seconds=1)
# So many new objects more than gone ones until some, and all, are searched for cycles.
_COLLECT_AFTER = (20_000, 50, 50)
_SWITCH_SECONDS = 0.001

# What an endpoint gets whose secret was sealed with a key that is no longer here.
_UNREADABLE = Reply(status=None, duration_ms=0, error="secret_unreadable")
_NO_ANSWER_THERE = Reply(
    status=None, duration_ms=0, error="transport_changed", outcome=AttemptOutcome.FAILED
)
_NOT_HELD = Reply(status=None, duration_ms=0, outcome=AttemptOutcome.NOT_HELD)
_NOT_NEEDED = Reply(status=None, duration_ms=0, outcome=AttemptOutcome.NOT_NEEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endpoint:
    """An endpoint that is told at present; `place` is None where its secret cannot be opened."""

    id: int
    addressee: Addressee
    way: Way
    place: Place | None
    confirms_by: ConfirmsBy
    concurrency: int
    is_for_erasures_only: bool
    breaker: Breaker

    def slot(self, *, now: datetime, answered: int = 0) -> Slot:
        """Return what may be leased to it; what it has `answered` is with it no longer."""
        places = rules.places(self.breaker, concurrency=self.concurrency, now=now)
        most = self.way.profile.most_at_once
        if self.way.profile.pause:
            # One parcel at a time, and then nothing for a while.
            limit = min(places, 1) * most
        else:
            limit = min(places * most, max(places, _MOST_IN_PARCELS))
        site_id, addressee = self.addressee
        return Slot(site_id=site_id, addressee=addressee, limit=limit and limit + answered)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    """One request on its way."""

    endpoint: _Endpoint
    events: tuple[ClaimedEvent, ...]
    send: Send
    parcel: Parcel

    def ended(self, replies: Sequence[Reply]) -> Ended:
        return Ended(
            confirms_by=self.endpoint.confirms_by,
            attempted_at=self.parcel.attempted_at,
            events=self.events,
            replies=replies,
        )


def deliver_due(
    *,
    keys: Keys,
    allow_loopback: bool,
    clock: Clock,
    seconds: float = RUN_SECONDS,
    is_stopped: Callable[[], bool] = lambda: False,
    chance: Callable[[], float] = random.random,
) -> Drained:
    """
    Tell partners everything that is due, and return how much that was.

    Ends when nothing is due, or takes no new events after `seconds`: then it waits for what is on
    its way, and until that is done still serves the partners that answer promptly. So it ends at
    most twice TOTAL_SECONDS later. No transaction is open during HTTP.

    Several runs at once, here or elsewhere, are harmless: a lease keeps each event to one of them.
    If this process dies, leases run out and the events are told again under the same key: doubled
    perhaps, never lost.
    """
    _tune_process()
    flights: dict[int, _Flight] = {}
    numbers = count()
    sent = accepted = 0
    until = clock() + timedelta(seconds=seconds)
    last_call = until + timedelta(seconds=TOTAL_SECONDS)
    # Whoever keeps this run from ending is left to the next one.
    left_out: frozenset[Addressee] = frozenset()
    desk, books = _Desk(keys=keys), _Books()
    ended: list[Ended] = []
    answered: Counter[Addressee] = Counter()
    with Sender(allow_loopback=allow_loopback) as sender:
        while True:
            moment = clock()
            if moment >= until:
                left_out |= _slow(flights, now=moment)
            if moment < (last_call if flights else until) and not is_stopped():
                departing = []
                for flight in desk.claim(
                    most=MOST_ON_THEIR_WAY - len(flights),
                    but=left_out,
                    answered=answered,
                    now=moment,
                ):
                    if isinstance(flight, Ended):
                        ended.append(flight)
                    else:
                        number = next(numbers)
                        flights[number] = flight
                        departing.append((number, flight.send, flight.parcel))
                        sent += len(flight.events)
                sender.submit(departing)
            # Partners are busy with what has just left while answers are written down.
            has_settled = bool(ended)
            if ended:
                accepted += settlements.settle(ended=ended, chance=chance, now=clock())
                ended, answered = [], Counter()
            elif not flights:
                books.close(now=clock())
                return Drained(sent=sent, accepted=accepted)
            for number, replies in sender.collect(
                timeout=0 if has_settled and not flights else _LOOK_AGAIN_SECONDS,
                gather=_GATHER_SECONDS,
            ):
                flight = flights.pop(number)
                books.enter(flight, replies)
                answered[flight.endpoint.addressee] += len(flight.events)
                ended.append(flight.ended(replies))
            if books.balance(now=clock()):
                desk.look_again()


@cache
def _tune_process() -> None:
    """
    Make this process one that tells partners, for good.

    Nearly all that a run makes lives until its reply comes and is then let go: searching it for
    cycles took a third of the time. And whoever waits for the database must not then wait five
    milliseconds more, for each statement, until the sending thread lets the interpreter go.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    sys.setswitchinterval(_SWITCH_SECONDS)


def _slow(flights: Mapping[int, _Flight], *, now: datetime) -> frozenset[Addressee]:
    """Return the addressees that keep us waiting."""
    return frozenset(
        flight.endpoint.addressee
        for flight in flights.values()
        if now - flight.parcel.attempted_at > _PROMPT
    )


class _Books:
    """
    What is counted of requests, per endpoint, and written down at most once a second.

    At once where it may move the breaker: after a failure, and after a success of a partner that
    had failed.
    """

    def __init__(self) -> None:
        self._open: dict[int, list[Request]] = {}
        self._urgent: set[int] = set()
        self._written_at = time.monotonic()

    def enter(self, flight: _Flight, replies: Sequence[Reply]) -> None:
        verdict = rules.judge_request(replies)
        self._open.setdefault(flight.endpoint.id, []).append(
            Request(
                verdict=verdict,
                attempted_at=flight.parcel.attempted_at,
                messages=len(flight.events),
                duration_ms=replies[0].duration_ms,
            )
        )
        if verdict.counts_against_partner or flight.endpoint.breaker != Breaker():
            self._urgent.add(flight.endpoint.id)

    def balance(self, *, now: datetime) -> bool:
        """Write down what is urgent or a second old; tell whether a breaker may have moved."""
        has_urgent = bool(self._urgent)
        if time.monotonic() - self._written_at >= _BOOKS_SECONDS:
            self.close(now=now)
        else:
            for endpoint_id in self._urgent:
                self._write(endpoint_id, now=now)
            self._urgent.clear()
        return has_urgent

    def close(self, *, now: datetime) -> None:
        """Write down everything."""
        self._written_at = time.monotonic()
        self._urgent.clear()
        for endpoint_id in list(self._open):
            self._write(endpoint_id, now=now)

    def _write(self, endpoint_id: int, *, now: datetime) -> None:
        settlements.note_requests(
            endpoint_id=endpoint_id, requests=self._open.pop(endpoint_id), now=now
        )


class _Desk:
    """Where events are claimed and made into parcels; it remembers endpoints for a moment."""

    def __init__(self, *, keys: Keys) -> None:
        self._keys = keys
        self._endpoints: list[_Endpoint] = []
        self._read_at = self._beaten_at = float("-inf")

    def claim(
        self,
        *,
        most: int,
        but: frozenset[Addressee],
        answered: Mapping[Addressee, int],
        now: datetime,
    ) -> Iterator[_Flight | Ended]:
        """
        Lease what may go out now, about `most` requests; an Ended needs none.

        `answered` counts what is still leased to us and has its answer.
        """
        self._beat(now)
        is_fresh = self._read_endpoints()
        endpoints = {
            endpoint.addressee: endpoint
            for endpoint in self._endpoints
            if endpoint.addressee not in but
        }
        slots = [
            slot
            for endpoint in endpoints.values()
            if not endpoint.way.profile.pause
            and (slot := endpoint.slot(now=now, answered=answered.get(endpoint.addressee, 0))).limit
        ]
        events = outbox.claim(
            slots=slots,
            limit=most,
            lease_seconds=settlements.LEASE_SECONDS,
            longest_seconds=TOTAL_SECONDS,
            now=now,
        )
        # Who takes one parcel in a while is looked after less often.
        for endpoint in endpoints.values() if is_fresh and most > 0 else ():
            if endpoint.way.profile.pause and (slot := endpoint.slot(now=now)).limit:
                events += settlements.claim_in_turn(
                    endpoint_id=endpoint.id,
                    slot=slot,
                    limit=slot.limit,
                    pause=endpoint.way.profile.pause,
                    now=now,
                )
        together: dict[tuple[Addressee, bool], list[ClaimedEvent]] = {}
        for event in events:
            key = (event.site_id, event.addressee), bool(event.ticket)
            together.setdefault(key, []).append(event)
        for (addressee, _), group in together.items():
            yield from _flights(endpoints[addressee], group, keys=self._keys, now=now)

    def look_again(self) -> None:
        """Read the endpoints anew: an answer may have changed one."""
        self._read_at = float("-inf")

    def _beat(self, now: datetime) -> None:
        moment = time.monotonic()
        if moment - self._beaten_at >= _BEAT_SECONDS:
            self._beaten_at = moment
            settlements.beat(now=now)

    def _read_endpoints(self) -> bool:
        """Read them anew unless that was a moment ago; tell which it was."""
        moment = time.monotonic()
        if moment - self._read_at < _ENDPOINTS_SECONDS:
            return False
        self._read_at = moment
        rows = models.Endpoint.objects.filter(state=EndpointState.ACTIVE)
        self._endpoints = [
            _endpoint(row, keys=self._keys)
            for row in rows.select_related("partner")
            if not TRANSPORTS[Transport(row.transport)].profile.is_pulled
        ]
        return True


def _endpoint(row: models.Endpoint, *, keys: Keys) -> _Endpoint:
    place = None
    try:
        place = operations.open_place(row, keys=keys)
    except sealing.CannotOpen as error:
        logger.error("partner %s cannot be told: %s", row.partner.code, error)
    return _Endpoint(
        id=row.pk,
        addressee=(row.partner.site_id, row.partner.code),
        way=TRANSPORTS[Transport(row.transport)],
        place=place,
        confirms_by=ConfirmsBy(row.confirms_by),
        concurrency=row.concurrency,
        is_for_erasures_only=row.is_for_erasures_only,
        breaker=settlements.breaker_of(row),
    )


def _flights(
    endpoint: _Endpoint, events: Sequence[ClaimedEvent], *, keys: Keys, now: datetime
) -> Iterator[_Flight | Ended]:
    """Yield requests for events of one endpoint that are alike, or their end without one."""
    ready: list[tuple[ClaimedEvent, Message]] = []
    done: list[tuple[ClaimedEvent, Reply]] = []
    for event in events:
        made = _message(endpoint, event, keys=keys)
        if isinstance(made, Message):
            ready.append((event, made))
        else:
            done.append((event, made))
    if done:
        yield Ended(
            confirms_by=endpoint.confirms_by,
            attempted_at=now,
            events=[event for event, _ in done],
            replies=[reply for _, reply in done],
        )
    send = endpoint.way.check if events[0].ticket else endpoint.way.send
    if endpoint.place is None or send is None:
        return
    for part in _parts(ready, most=endpoint.way.profile.most_at_once):
        yield _Flight(
            endpoint=endpoint,
            events=tuple(event for event, _ in part),
            send=send,
            parcel=Parcel(
                place=endpoint.place,
                messages=tuple(message for _, message in part),
                attempted_at=now,
            ),
        )


def _parts(
    ready: Sequence[tuple[ClaimedEvent, Message]], *, most: int
) -> Iterator[Sequence[tuple[ClaimedEvent, Message]]]:
    """Yield what fits into one request, or into the few questions that one lease has time for."""
    part: list[tuple[ClaimedEvent, Message]] = []
    tickets: set[str] = set()
    for event, message in ready:
        if len(part) >= most or len(tickets | {event.ticket}) > _MOST_TICKETS:
            yield part
            part, tickets = [], set()
        part.append((event, message))
        tickets.add(event.ticket)
    if part:
        yield part


def _is_heard(endpoint: _Endpoint, event: ClaimedEvent) -> bool:
    """Tell whether the partner wants this news; who hears everything needs no look into it."""
    if endpoint.is_for_erasures_only:
        return bool(event.payload["type"] == "device.erased")
    return endpoint.way.profile.hears_grants or event.payload["type"] != "consent.granted"


def _message(endpoint: _Endpoint, event: ClaimedEvent, *, keys: Keys) -> Message | Reply:
    """Return what to send, or how the event ends without being sent."""
    profile = endpoint.way.profile
    if endpoint.place is None:
        return _UNREADABLE
    if event.ticket and endpoint.way.check is None:
        # The transport was changed since, and with it went whom to ask: a person must look.
        return _NO_ANSWER_THERE
    if not _is_heard(endpoint, event):
        return _NOT_NEEDED
    context = sealing_context(
        site_id=event.site_id, addressee=event.addressee, subject=event.subject
    )
    try:
        identifiers = {
            kind: sealing.unseal_text(sealed, keys=keys, context=context)
            for kind, sealed in event.sealed.items()
        }
    except sealing.CannotOpen as error:
        logger.error("event %s cannot be told: %s", event.id, error)
        return _UNREADABLE
    if profile.needs and identifiers.keys().isdisjoint(profile.needs) and not event.ticket:
        return _NOT_HELD
    return Message(
        key=event.message_key,
        subject=event.subject,
        payload=event.payload,
        identifiers=identifiers,
        ticket=event.ticket,
    )
