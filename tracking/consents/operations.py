"""The only writes of devices and consent records."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from django.db import IntegrityError, connection, transaction

from tracking.consents import identifiers as stored
from tracking.consents import models, queries, referrers, rules
from tracking.consents.types import (
    AgeBand,
    DecisionCount,
    DeliveryStatus,
    Identifiers,
    Method,
    Outgoing,
    Prior,
    Receipt,
    Recorded,
    Stage,
    Submission,
    Surface,
    Visit,
)
from tracking.experiments import queries as experiments
from tracking.lib import bits, device_token, impression, prepared, sealing
from tracking.lib.device_token import DeviceToken
from tracking.lib.errors import DomainError
from tracking.lib.impression import Impression
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.outbox import operations as outbox
from tracking.outbox.types import News, sealing_context
from tracking.regimes import rules as regimes
from tracking.regimes.types import Applied
from tracking.registry import queries as registry
from tracking.registry.types import Presentation, SiteInfo

Keys = Mapping[str, bytes]

NEWS_KIND = "consent"

# Longer than one is good for, whatever our clocks say.
_KEEP_IMPRESSIONS_FOR = 2 * rules.IMPRESSION_LASTS

_IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


class DecisionInvalid(DomainError):
    code = "invalid"
    message = "The decision does not say what it must."


class ForeignOrigin(DomainError):
    code = "foreign_origin"
    message = "This page may not record a decision for that site."
    status = 403


class TokenRefused(DomainError):
    code = "token_refused"
    message = "This device token may not grant; please ask the visitor again."
    status = 403


class SeedRefused(DomainError):
    """No token was sent, so none is taken away: a good one may have arrived meanwhile."""

    code = "seed_refused"
    message = "This device decided with its token since; please ask the visitor again."
    status = 403


class NoticeRetired(DomainError):
    code = "notice_retired"
    message = "A newer notice is in effect; please ask the visitor again."
    status = 409


class GuardianNeeded(DomainError):
    """`recorded` answers what the decision refused; None if it refused nothing."""

    code = "guardian_needed"
    message = "At this age a yes needs the guardian's; what was refused is recorded."

    def __init__(self, recorded: Recorded | None) -> None:
        super().__init__()
        self.recorded = recorded


class IdentifiersInvalid(DomainError):
    code = "invalid"
    message = "These identifiers cannot be kept."


class NotGranted(DomainError):
    code = "not_granted"
    message = "Only identifiers of partners that may receive something from this device are kept."
    status = 403


def record_consent(*, submission: Submission, visit: Visit, keys: Keys, now: datetime) -> Recorded:
    """
    Record one decision, exactly once however often it is sent, and queue the news for partners.

    One transaction holds the record, its private part, the device's state and the outbox events.
    A refusal is recorded even with an outdated token or notice; a grant then is not, unless it is
    older than the device's newest decision, which it cannot change.

    A partner that loses something is told under what it knows the device: what was kept of that,
    and what the decision brings along. What is wrong with that never costs a refusal.

    A decision without a good proof of being shown has all its effects, and is marked as suspect: it
    is left out of the statistics.

    Where the site asks ages, a yes of a child without its guardian's is not taken; what the same
    decision refuses is.

    :raises UnknownSite: 404
    :raises ForeignOrigin: 403, the Origin is missing or not one of the site's
    :raises DecisionInvalid: 400, unknown notice, unknown choice or a malformed key
    :raises NoticeRetired: 409, a grant on a notice that is no longer current
    :raises TokenRefused: 403, a grant with a token that is not this device's newest
    :raises SeedRefused: 403, a grant with the seed alone after a decision with a token
    :raises GuardianNeeded: 400, a grant of a child without its guardian's
    """
    site = check_origin(submission.site, visit)
    notice = _version(site, submission.notice)
    _check_age(site, submission)
    _check_choices(notice, submission)
    applied = regimes.resolve(place=visit.place, site=site, on=now.date())
    token = _own_token(visit.device_token, site, keys)
    seeded = _seeded_device(visit.device_seed, site, keys)
    is_second_try = lacks_guardian = False
    while True:
        try:
            with transaction.atomic():
                sender = queries.find_sender(token=token, seeded=seeded, lock=True)
                age_band = _age_band(site, sender, submission)
                lacks_guardian = rules.lacks_guardian(
                    submission=submission, age_band=age_band, regime=applied.regime
                )
                taken = _without_grants(submission) if lacks_guardian else submission
                _refuse_retired_grant(site, notice, taken)
                _refuse_untrusted_grant(sender, taken)
                recorded = _record(
                    site=site,
                    notice=notice,
                    applied=applied,
                    submission=taken,
                    age_band=age_band,
                    visit=visit,
                    sender=sender,
                    keys=keys,
                    now=now,
                )
            break
        except (
            IntegrityError, NoticeRetired, TokenRefused, SeedRefused, GuardianNeeded
        ) as error:  # fmt: skip
            # Sent before? The unique idempotency key made us wait for the first copy and then
            # stopped us; or that copy itself made this token, or a publication since made this
            # notice, old.
            replay = queries.find_recorded(
                site=site,
                idempotency_key=submission.idempotency_key,
                token=token,
                seeded=seeded,
                keys=keys,
                now=now,
            )
            if replay is not None:
                recorded = replay
                break
            if is_second_try or not isinstance(error, IntegrityError):
                raise
            # Another first decision of this browser made the device while we were at it.
            is_second_try = True
    if lacks_guardian and not recorded.receipt.granted:
        # Only now: what was refused is committed.
        raise GuardianNeeded(recorded)
    return recorded


def revoke(
    *,
    site: str,
    idempotency_key: str,
    client_seq: int,
    surface: Surface,
    language: str,
    refused: frozenset[str] | None,
    visit: Visit,
    identifiers: object = None,
    impression: str | None = None,
    variant: str = "",
    referrer: str | None = None,
    keys: Keys,
    now: datetime,
) -> Recorded:
    """
    Withdraw choices on the current notice; `refused=None` withdraws everything.

    :raises NoNotice: 404, and everything that `record_consent` raises
    """
    current = notices.get_current(site_code=site)
    return record_consent(
        submission=Submission(
            site=site,
            notice=current.number,
            idempotency_key=idempotency_key,
            client_seq=client_seq,
            method=Method.WITHDRAW,
            surface=surface,
            language=language,
            gpc=False,
            granted=frozenset(),
            refused=current.asked_ids if refused is None else refused,
            identifiers=identifiers,
            impression=impression,
            variant=variant,
            referrer=referrer,
        ),
        visit=visit,
        keys=keys,
        now=now,
    )


def keep_identifiers(
    *, site: str, identifiers: object, visit: Visit, keys: Keys, now: datetime
) -> None:
    """
    Keep, sealed, under what partners know this device, so that they can be told whom to forget.

    All of it or nothing. Only the newest token's device counts, and only what the current notice
    declares of partners that may receive something now. Sent again, the newest value stays.

    :raises UnknownSite: 404; :raises NoNotice: 404
    :raises ForeignOrigin: 403, the Origin is missing or not one of the site's
    :raises IdentifiersInvalid: 400, not declared, or not a value that can be kept
    :raises NotGranted: 403, naming the partners that may receive nothing from this device
    """
    info = check_origin(site, visit)
    terms = notices.get_current(site_code=site).terms
    given, faults = rules.read_identifiers(sent=identifiers, terms=terms)
    if faults:
        raise IdentifiersInvalid(fields={"identifiers": faults[:5]})
    regime = regimes.resolve(place=visit.place, site=info, on=now.date()).regime
    with transaction.atomic():
        # Locked: a refusal at the same time comes before this or after it.
        sender = queries.find_sender(
            token=_own_token(visit.device_token, info, keys), seeded=None, lock=True
        )
        granted: frozenset[str] = frozenset()
        if sender.state is not None and sender.is_trusted:
            granted = rules.standing_grants(
                choices=sender.state.choices, terms=terms, regime=regime, now=now
            )
        shut = given.keys() - rules.receiving(terms=terms, granted=granted)
        if shut or sender.device is None:
            raise NotGranted(fields={"partners": sorted(shut)})
        stored.keep(device=sender.device, identifiers=given, keys=keys, now=now)


def take_uncounted(*, limit: int) -> list[DecisionCount]:
    """
    Take at most so many records that are not counted yet, as counts; empty when all are.

    They are taken with the caller's transaction, in which it writes the counts down.
    """
    with connection.cursor() as cursor:
        cursor.execute(queries.TAKE_WAITING, {"limit": limit})
        return queries.read_counts(cursor.fetchall())


def forget_impressions(*, now: datetime) -> int:
    """Forget proofs of being shown that have expired; return how many."""
    expired = models.SpentImpression.objects.filter(spent_at__lt=now - _KEEP_IMPRESSIONS_FOR)
    return expired.delete()[0]


def make_months(*, now: datetime, ahead: int = 3) -> list[str]:
    """Create the record tables of this month and the next `ahead`; return their names."""
    made = []
    with connection.cursor() as cursor:
        for offset in range(ahead + 1):
            month = now.month - 1 + offset
            first = datetime(now.year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
            cursor.execute("SELECT consents_make_month(%s)", [first.date()])
            made.append(cursor.fetchone()[0])
    return made


# --- checks


def check_origin(site_code: str, visit: Visit) -> SiteInfo:
    """
    Return the site, if the page that asks is one of its own or of ours.

    :raises UnknownSite: 404
    :raises ForeignOrigin: 403
    """
    site = registry.get_site(code=site_code)
    if not visit.is_own_page and visit.origin not in site.origins:
        raise ForeignOrigin
    return site


def _version(site: SiteInfo, number: int) -> Notice:
    notice = notices.find_version(site_code=site.code, number=number)
    if notice is None:
        raise DecisionInvalid(fields={"notice": ["There is no such notice."]})
    return notice


def _refuse_retired_grant(site: SiteInfo, notice: Notice, submission: Submission) -> None:
    current = notices.get_current(site_code=site.code)
    if notice.number != current.number and submission.granted:
        raise NoticeRetired(fields={"current": current.number})


def _refuse_untrusted_grant(sender: queries.Sender, submission: Submission) -> None:
    if sender.state is None or sender.is_trusted:
        return
    if rules.grants_anew(before=sender.state.choices, submission=submission):
        raise TokenRefused if sender.is_by_token else SeedRefused


def _without_grants(submission: Submission) -> Submission:
    if not submission.refused:
        raise GuardianNeeded(None)
    return replace(submission, granted=frozenset(), method=Method.CHOOSE)


def _age_band(site: SiteInfo, sender: queries.Sender, submission: Submission) -> AgeBand | None:
    """Return what is said now, else what the device said last: silence makes nobody older."""
    if submission.age_band is not None or not site.asks_age or sender.state is None:
        return submission.age_band
    return queries.find_age_band(device=sender.state.device)


def _check_age(site: SiteInfo, submission: Submission) -> None:
    fields: dict[str, object] = {}
    if not site.asks_age:
        if submission.age_band is not None:
            fields["age_band"] = ["This field is not known here."]
        if submission.guardian_consent is not None:
            fields["guardian_consent"] = ["This field is not known here."]
    elif submission.guardian_consent and submission.age_band in {None, AgeBand.ADULT}:
        fields["guardian_consent"] = ["Say the age_band of the child with it."]
    if fields:
        raise DecisionInvalid(fields=fields)


def _check_choices(notice: Notice, submission: Submission) -> None:
    fields: dict[str, object] = {}
    unknown = sorted((submission.granted | submission.refused) - notice.numbers.keys())
    if unknown:
        fields["choices"] = [f"The notice does not ask about {choice}." for choice in unknown[:5]]
    if not _IDEMPOTENCY_KEY.fullmatch(submission.idempotency_key):
        fields["idempotency_key"] = ["16 to 64 characters of A-Z, a-z, 0-9, - and _."]
    if submission.language not in notices.list_languages(notice):
        fields["language"] = ["The notice was not shown in this language."]
    if submission.method is Method.REFUSE and submission.granted:
        fields["method"] = ["A refusal grants nothing."]
    if submission.method in {Method.ALLOW, Method.CHOOSE} and not (
        submission.granted | submission.refused
    ):
        fields["purposes"] = ["Say which choices were granted or refused."]
    if not submission.refused and submission.method is not Method.REFUSE:
        _, faults = rules.read_identifiers(sent=submission.identifiers, terms=notice.terms)
        if faults:
            fields["identifiers"] = faults[:5]
    if fields:
        raise DecisionInvalid(fields=fields)


def _own_token(text: str | None, site: SiteInfo, keys: Keys) -> DeviceToken | None:
    token = device_token.verify(text, keys=keys) if text else None
    return token if token is not None and token.site_id == site.id else None


def _own_impression(text: str | None, site: SiteInfo, keys: Keys) -> Impression | None:
    proof = impression.verify(text, keys=keys) if text else None
    return proof if proof is not None and proof.site_id == site.id else None


def _seeded_device(seed: str | None, site: SiteInfo, keys: Keys) -> UUID | None:
    if seed is None:
        return None
    return device_token.seeded_device(seed=seed, site_id=site.id, keys=keys)


# --- the write


# Fails if the device was made meanwhile: what it decided must be read before it is changed.
_NEW_DEVICE = """
  INSERT INTO consents_device
    (id, site_id, version, serial, client_seq, granted, refused, notice_id, decided_at,
     with_signal, last_record_key, is_suspect)
  VALUES (%(device)s, %(site)s, %(version)s, %(serial)s, %(seq)s, %(state_granted)s,
          %(state_refused)s, %(state_notice)s, %(state_decided_at)s, %(state_signal)s,
          %(last_key)s, %(device_suspect)s AND NOT EXISTS (SELECT FROM spent))
"""

_KNOWN_DEVICE = """
  UPDATE consents_device
     SET version = %(version)s, serial = %(serial)s, client_seq = %(seq)s,
         granted = %(state_granted)s, refused = %(state_refused)s, notice_id = %(state_notice)s,
         decided_at = %(state_decided_at)s, with_signal = %(state_signal)s,
         last_record_key = %(last_key)s,
         is_suspect = %(device_suspect)s AND NOT EXISTS (SELECT FROM spent)
   WHERE id = %(device)s
"""

# What nobody had spent takes the doubt away; whoever spends it at the same time waits for this.
_WRITE = """
WITH spent AS (
  INSERT INTO consents_spentimpression (nonce, spent_at)
  SELECT %(nonce)s::bytea, %(now)s WHERE %(nonce)s::bytea IS NOT NULL
  ON CONFLICT DO NOTHING RETURNING nonce
), device AS (
{device}
), record AS (
  INSERT INTO consents_consentrecord
    (key, recorded_at, site_id, notice_id, granted, refused, withdrawn, method, surface, prior,
     regime, country_group, country_method, language, device_class, variant, presentation,
     referrer_class, with_signal, is_superseded, is_suspect, commitment)
  VALUES (%(key)s, %(now)s, %(site)s, %(notice)s, %(granted)s, %(refused)s, %(withdrawn)s,
          %(method)s, %(surface)s, %(prior)s, %(regime)s, %(country_group)s, %(country_method)s,
          %(language)s, %(device_class)s, %(variant)s, %(presentation)s, %(referrer_class)s,
          %(signal)s, %(superseded)s, %(suspect)s AND NOT EXISTS (SELECT FROM spent),
          %(commitment)s)
), uncounted AS (
  INSERT INTO consents_uncounted (record_key, recorded_at, held, held_since)
  VALUES (%(key)s, %(now)s, %(held)s, %(held_since)s)
), private AS (
  INSERT INTO consents_consentprivate
    (record_key, recorded_at, site_id, device_id, version, salt, previous_key, external_id,
     idempotency_key, client_seq, age_band, guardian_consent)
  VALUES (%(key)s, %(now)s, %(site)s, %(device)s, %(version)s, %(salt)s, %(previous)s, NULL,
          %(idempotency_key)s, %(client_seq)s, %(age_band)s, %(guardian_consent)s)
), ended AS (
  DELETE FROM consents_identifier
   WHERE device_id = %(device)s AND partner <> ALL(%(receiving)s::text[])
)
-- As they were before this statement: what it deletes is still told.
SELECT partner, kind, sealed FROM consents_identifier
 WHERE device_id = %(device)s AND partner = ANY(%(revoked)s::text[])
"""

_WRITE_NEW, _WRITE_KNOWN = (_WRITE.format(device=device) for device in (_NEW_DEVICE, _KNOWN_DEVICE))


def _record(
    *,
    site: SiteInfo,
    notice: Notice,
    applied: Applied,
    submission: Submission,
    age_band: AgeBand | None,
    visit: Visit,
    sender: queries.Sender,
    keys: Keys,
    now: datetime,
) -> Recorded:
    state, regime = sender.state, applied.regime
    before = None if state is None else state.choices
    implied = rules.implied_grants(terms=notice.terms, regime=regime)
    held = implied if before is None else before.granted
    merged = rules.merge(
        before=before,
        submission=submission,
        asked=notice.asked_ids,
        held=held,
        meanings=notice.terms.material_since,
    )
    merged = rules.shut_unanswered(
        merged=merged, age_band=age_band, regime=regime, asked=notice.asked_ids, held=held
    )
    choices = rules.choices_after(before=before, merged=merged, submission=submission, now=now)
    key, salt = uuid4(), secrets.token_bytes(32)
    device = sender.device or UUID(bytes=secrets.token_bytes(16))
    proof = _own_impression(submission.impression, site, keys)
    doubt = rules.doubt(
        impression=proof,
        # Of a flood only first decisions: who has a token was somebody before.
        is_machine=visit.is_bot or (state is None and visit.is_flood),
        was_suspect=state.is_suspect if state is not None and sender.is_trusted else None,
        now=now,
    )
    version = 1 if state is None else state.version + (0 if merged.is_superseded else 1)
    rotates = sender.is_by_token and sender.is_trusted
    serial = queries.FIRST_SERIAL if state is None else state.serial + rotates
    previous = None if state is None else str(state.last_record_key)
    # An untrusted sender's record is not the last: sent again, its key would fetch the token.
    last_key = key if state is None or sender.is_trusted else state.last_record_key
    guardian_consent = bool(submission.guardian_consent)
    private = {
        "record": str(key),
        "device": str(device),
        "version": version,
        "previous": previous,
        "external_id": None,
        "idempotency_key": submission.idempotency_key,
        "client_seq": submission.client_seq,
    }
    if submission.age_band is not None:
        private |= {"age_band": submission.age_band, "guardian_consent": guardian_consent}
    was_out = state is not None and state.is_suspect
    variant = submission.variant or (proof.variant if proof else "")
    answered = _answered(notice, submission)
    # A refusal may come on an older notice, which does not know the newer one's choices.
    state_notice = notice if choices.notice == notice.number else _version(site, choices.notice)
    plan = []
    if not merged.is_superseded:
        plan = rules.plan_news(terms=notice.terms, held=held, merged=merged)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        rows = prepared.execute(
            cursor,
            _WRITE_NEW if state is None else _WRITE_KNOWN,
            {
                "device": device,
                "site": site.id,
                "version": version,
                "serial": serial,
                "seq": choices.seq,
                "state_granted": _bits(state_notice, choices.granted),
                "state_refused": _bits(state_notice, choices.refused),
                "state_notice": state_notice.id,
                "state_decided_at": datetime.fromtimestamp(choices.decided_at, tz=UTC),
                "state_signal": choices.with_signal,
                "last_key": last_key,
                "key": key,
                "now": now,
                "notice": notice.id,
                "granted": _bits(notice, answered.granted),
                "refused": _bits(notice, answered.refused),
                "withdrawn": _bits(notice, merged.withdrawn),
                "method": submission.method,
                "surface": submission.surface,
                "prior": Prior.FIRST if state is None else Prior.AGAIN,
                "regime": regime.code,
                "country_group": regime.country_group,
                "country_method": applied.jurisdiction.method,
                "language": submission.language,
                "device_class": visit.device_class,
                "variant": variant,
                "presentation": _presentation(site, applied, variant=variant),
                "referrer_class": proof.source
                if submission.referrer is None and proof
                else referrers.classify(host=submission.referrer, origins=site.origins),
                "nonce": doubt.nonce,
                "suspect": doubt.is_suspect,
                "device_suspect": doubt.is_suspect if state is None else state.is_suspect,
                # What was left out of the statistics is not missed there either.
                "held": None
                if before is None or was_out
                else _bits(_version(site, before.notice), before.granted),
                "held_since": None
                if before is None or was_out
                else datetime.fromtimestamp(before.decided_at, tz=UTC),
                "signal": submission.gpc,
                "superseded": merged.is_superseded,
                "commitment": rules.commitment(salt=salt, private=private),
                "salt": salt,
                "previous": previous,
                "idempotency_key": submission.idempotency_key,
                "client_seq": submission.client_seq,
                "age_band": submission.age_band,
                "guardian_consent": guardian_consent,
                "receiving": sorted(
                    rules.receiving(terms=state_notice.terms, granted=choices.granted)
                ),
                "revoked": [outgoing.partner for outgoing in plan if outgoing.is_revocation],
            },
        ).fetchall()
    kept = stored.open_all(device=device, rows=rows, keys=keys)
    sent, _ = rules.read_identifiers(sent=submission.identifiers, terms=notice.terms)
    deliveries = _tell_partners(
        site=site,
        notice=notice,
        device=device,
        version=version,
        plan=plan,
        # What comes without the newest token replaces nothing that came with one.
        identifiers=(kept, sent) if sender.is_trusted else (sent, kept),
        keys=keys,
        now=now,
    )
    token = DeviceToken(
        device=device, site_id=site.id, serial=serial, issued_at=int(now.timestamp())
    )
    return Recorded(
        receipt=Receipt(
            key=key,
            recorded_at=now,
            site=site.code,
            notice_number=notice.number,
            notice_hash=notice.hash,
            method=submission.method,
            surface=submission.surface,
            regime=regime.code,
            language=submission.language,
            granted=answered.granted,
            refused=answered.refused,
            withdrawn=merged.withdrawn,
            age_band=submission.age_band,
            guardian_consent=guardian_consent,
        ),
        choices=choices,
        choices_cookie=rules.choices_cookie(choices=choices, numbers=state_notice.numbers),
        device_token=device_token.sign(token, keys=keys) if sender.is_trusted else None,
        deliveries=deliveries,
        is_replay=False,
    )


def _presentation(site: SiteInfo, applied: Applied, *, variant: str) -> Presentation:
    """Return how this visitor was asked: an arm of an experiment may ask otherwise."""
    wanted = experiments.find_presentation(site_code=site.code, variant=variant)
    return regimes.presentation_in(regime=applied.regime, wanted=wanted or site.presentation)


def _answered(notice: Notice, submission: Submission) -> Submission:
    """Return the decision with a plain refusal spelled out: evidence names every choice."""
    if submission.method is not Method.REFUSE:
        return submission
    return replace(submission, granted=frozenset(), refused=notice.asked_ids | submission.refused)


def _tell_partners(
    *,
    site: SiteInfo,
    notice: Notice,
    device: UUID,
    version: int,
    plan: Sequence[Outgoing],
    identifiers: tuple[Identifiers, ...],
    keys: Keys,
    now: datetime,
) -> tuple[DeliveryStatus, ...]:
    """Append a plan's news, revocations with the last of each kind of `identifiers`."""
    partners = {partner["code"]: partner for partner in notice.content["partners"]}
    news, deliveries = [], []
    for outgoing in plan:
        partner = partners[outgoing.partner]
        due_at = rules.due_at(decided_at=now, sla_hours=partner["sla_hours"])
        subject = device_token.pairwise_id(
            device=device, partner=outgoing.partner, site_id=site.id, keys=keys
        )
        context = sealing_context(site_id=site.id, addressee=outgoing.partner, subject=subject)
        news.append(
            News(
                addressee=outgoing.partner,
                subject=subject,
                kind=NEWS_KIND,
                version=version,
                due_at=due_at,
                only_if_told=not outgoing.is_revocation,
                payload=rules.message(
                    outgoing=outgoing,
                    subject=subject,
                    version=version,
                    notice_number=notice.number,
                    notice_hash=notice.hash,
                    decided_at=now,
                    due_at=due_at,
                ),
                sealed={
                    kind: sealing.seal_text(value, keys=keys, context=context)
                    for known in identifiers
                    for kind, value in known.get(outgoing.partner, {}).items()
                    if outgoing.is_revocation
                },
            )
        )
        if outgoing.is_revocation:
            deliveries.append(
                DeliveryStatus(
                    partner=outgoing.partner,
                    legal_name=partner["legal_name"],
                    status=Stage.QUEUED,
                    due_at=due_at,
                )
            )
    outbox.append(site_id=site.id, news=news, now=now)
    return tuple(deliveries)


def _bits(notice: Notice, ids: frozenset[str]) -> str:
    return bits.pack(notice.numbers[choice] for choice in ids if choice in notice.numbers)
