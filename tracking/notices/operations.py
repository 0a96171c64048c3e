"""The only writes of notices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from tracking.audit import operations as audit
from tracking.lib.errors import DomainError
from tracking.lib.short_memory import forget_everything
from tracking.notices import models, queries, rules
from tracking.notices.findings import describe
from tracking.notices.types import DraftInfo, Level, Notice, Proposal, Stage
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo

# One advisory lock class for "the next version of this site is being made".
_LOCK_CLASS = 0x434D
LONGEST_LINE = 2000
LONGEST_NOTE = 2000

Wording = Mapping[str, Mapping[str, str]]


class NoticeIncomplete(DomainError):
    code = "notice_incomplete"
    message = "The notice cannot be published yet."
    status = 400


class DraftInvalid(DomainError):
    code = "draft_invalid"
    message = "This cannot be saved."
    status = 400


class DraftChanged(DomainError):
    """Somebody else saved, submitted or published in between. Nothing was overwritten."""

    code = "draft_changed"
    message = "The draft has changed since you opened it."
    status = 409


class ReviewMissing(DomainError):
    code = "review_missing"
    message = "Only what is in review can be published, by somebody who did not submit it."
    status = 409


@transaction.atomic
def publish_notice_version(
    *,
    site_code: str,
    wording: Wording,
    author: str,
    note: str = "",
    effective_at: datetime | None = None,
    now: datetime,
) -> Notice:
    """
    Freeze what the site declares, with its wording, as the next version, without a review.

    `wording` replaces single lines of the default wording, per language. Publishing what is already
    in effect returns the current version: nobody is asked again because of a repeated click.

    :raises NoticeIncomplete: with every gap in `fields["gaps"]`
    :raises UnknownSite:
    """
    site = _lock(site_code)
    proposal = queries.get_proposal(
        site_code=site_code, wording=wording, effective_at=effective_at, now=now
    )
    notice = _publish(
        site, proposal, author=author, note=note, effective_at=effective_at or now, now=now
    )
    # A draft of the same words has nothing more to say.
    own = rules.differing(wording, queries.default_wording())
    models.Draft.objects.filter(site_id=site.id, wording=own).delete()
    return notice


@transaction.atomic
def replace_wording(*, site_code: str, wording: Wording, author: str, now: datetime) -> None:
    """
    Make these the words of the next notice, whatever a draft says; the same again changes nothing.

    :raises DraftInvalid: with the place of each mistake in `fields`
    :raises UnknownSite:
    """
    draft = queries.get_draft(site_code=site_code)
    if draft.wording == rules.differing(wording, queries.default_wording()):
        return
    nothing = {language: dict.fromkeys(lines, "") for language, lines in draft.wording.items()}
    save_draft(
        site_code=site_code,
        lines={
            language: {**nothing.get(language, {}), **wording.get(language, {})}
            for language in {**nothing, **wording}
        },
        note=draft.note,
        effective_at=draft.effective_at,
        revision=draft.revision,
        author=author,
        now=now,
    )


@transaction.atomic
def save_draft(
    *,
    site_code: str,
    lines: Wording,
    note: str,
    effective_at: datetime | None,
    revision: int,
    author: str,
    now: datetime,
) -> DraftInfo:
    """
    Keep words of the next notice; lines that are not named stay as they are, empty ones go back to
    the built-in text. A draft in review goes back to being written.

    :raises DraftInvalid: with the place of each mistake in `fields`
    :raises DraftChanged: if `revision` is not the draft's
    :raises UnknownSite:
    """
    site = _lock(site_code)
    draft = queries.get_draft(site_code=site_code)
    _expect(draft, revision)
    known = queries.default_wording()["en"]
    fields: dict[str, object] = {
        f"{language}.{key}": ["There is no such line."]
        if language not in site.languages or key not in known
        else [f"At most {LONGEST_LINE} characters."]
        for language, texts in lines.items()
        for key, text in texts.items()
        if language not in site.languages or key not in known or len(text) > LONGEST_LINE
    }
    if len(note) > LONGEST_NOTE:
        fields["note"] = [f"At most {LONGEST_NOTE} characters."]
    if fields:
        raise DraftInvalid(fields=fields)
    wording = {
        language: {**draft.wording.get(language, {}), **lines.get(language, {})}
        for language in site.languages
    }
    models.Draft.objects.update_or_create(
        site_id=site.id,
        defaults={
            "wording": rules.differing(wording, queries.default_wording()),
            "note": note,
            "effective_at": effective_at,
            "revision": revision + 1,
            "author": author,
            "saved_at": now,
            **_WRITING,
        },
    )
    return queries.get_draft(site_code=site_code)


@transaction.atomic
def submit_draft(*, site_code: str, revision: int, author: str, now: datetime) -> None:
    """
    Hand a draft over to whoever publishes it.

    :raises DraftChanged: if `revision` is not the draft's
    :raises NoticeIncomplete: if it could not be published
    :raises UnknownSite:
    """
    site = _lock(site_code)
    draft = queries.get_draft(site_code=site_code)
    _expect(draft, revision)
    proposal = _propose(site_code, draft, now)
    _check(proposal)
    models.Draft.objects.update_or_create(
        site_id=site.id,
        defaults={
            "wording": draft.wording,
            "note": draft.note,
            "effective_at": draft.effective_at,
            "revision": revision + 1,
            "author": draft.author or author,
            "saved_at": draft.saved_at or now,
            "stage": Stage.IN_REVIEW,
            "submitted_by": author,
            "submitted_at": now,
            "submitted_hash": proposal.hash,
        },
    )
    _audit("notice.submitted", site, author, now, number=proposal.content["number"])


@transaction.atomic
def return_draft(*, site_code: str, revision: int, author: str, now: datetime) -> None:
    """
    Give a draft back to be written on.

    :raises DraftChanged: if `revision` is not the draft's
    :raises UnknownSite:
    """
    site = _lock(site_code)
    _expect(queries.get_draft(site_code=site_code), revision)
    models.Draft.objects.filter(site_id=site.id).update(revision=revision + 1, **_WRITING)
    _audit("notice.returned", site, author, now)


@transaction.atomic
def discard_draft(*, site_code: str, revision: int, author: str, now: datetime) -> None:
    """
    Throw a draft away: the next one starts from what is published.

    :raises DraftChanged: if `revision` is not the draft's
    :raises UnknownSite:
    """
    site = _lock(site_code)
    draft = queries.get_draft(site_code=site_code)
    _expect(draft, revision)
    models.Draft.objects.filter(site_id=site.id).delete()
    # What somebody wrote is not gone without a trace.
    _audit("notice.discarded", site, author, now, wording=draft.wording, note=draft.note)


@transaction.atomic
def publish_draft(
    *, site_code: str, revision: int, reviewer: str, needs_another: bool, now: datetime
) -> Notice:
    """
    Publish what is in review, exactly as it was submitted.

    `needs_another`: whoever submitted it cannot publish it.

    :raises ReviewMissing: if it is not in review, or `reviewer` may not be the one
    :raises DraftChanged: if the draft, or what the site declares, is not what was submitted
    :raises NoticeIncomplete: if a rule has come in between
    :raises UnknownSite:
    """
    site = _lock(site_code)
    draft = queries.get_draft(site_code=site_code)
    _expect(draft, revision)
    if draft.stage is not Stage.IN_REVIEW or (needs_another and reviewer == draft.submitted_by):
        raise ReviewMissing
    proposal = _propose(site_code, draft, now)
    if proposal.hash != draft.submitted_hash:
        raise DraftChanged("What the site declares has changed since this was submitted.")
    notice = _publish(
        site,
        proposal,
        author=draft.submitted_by,
        reviewer=reviewer,
        note=draft.note,
        effective_at=max(now, draft.effective_at or now),
        now=now,
    )
    models.Draft.objects.filter(site_id=site.id).delete()
    return notice


@transaction.atomic
def roll_back(
    *, site_code: str, number: int, newest: int, author: str, note: str, now: datetime
) -> Notice:
    """
    Bring an older version back, as a new version with its content; a draft stays as it is.

    `newest`: number of the version that was the newest when this was decided.

    :raises DraftChanged: if another version was published in between
    :raises NoNotice: if there is no such version
    :raises NoticeIncomplete: if the old content could not be published today
    :raises UnknownSite:
    """
    site = _lock(site_code)
    proposal = queries.get_restoration(site_code=site_code, number=number, now=now)
    if proposal.content["number"] != newest + 1:
        raise DraftChanged("Another version was published in between.")
    return _publish(
        site, proposal, author=author, note=note, restores=number, effective_at=now, now=now
    )


@transaction.atomic
def note_review(*, site_code: str, number: int, reviewer: str, now: datetime) -> date:
    """
    Note that the notice in effect was looked at and is right; return the day of the next review.

    :raises DraftChanged: if `number` is not the version in effect
    :raises NoNotice:
    :raises UnknownSite:
    """
    site = _lock(site_code)
    notice = queries.get_current(site_code=site_code)
    if notice.number != number:
        raise DraftChanged
    next_on = rules.review_on(
        effective_at=now, months=notice.content.get("review_months", 12), zone=site.zone
    )
    models.NoticeReview.objects.create(
        notice_id=notice.id, reviewed_at=now, reviewer=reviewer, next_on=next_on
    )
    _audit("notice.reviewed", site, reviewer, now, number=number)
    return next_on


@transaction.atomic
def note_reminder(*, notice_id: int, review_on: date, is_overdue: bool, now: datetime) -> bool:
    """Note that somebody is reminded of a review; False if that was done before."""
    try:
        with transaction.atomic():
            models.ReviewReminder.objects.create(
                notice_id=notice_id, review_on=review_on, is_overdue=is_overdue, sent_at=now
            )
    except IntegrityError:
        return False
    return True


# --- inside

_WRITING: dict[str, Any] = {
    "stage": Stage.WRITING,
    "submitted_by": "",
    "submitted_at": None,
    "submitted_hash": "",
}


def _lock(site_code: str) -> SiteInfo:
    site = registry.get_site(code=site_code)
    with connection.cursor() as cursor:
        # Two people must not both take the next number; rows that never change lock nothing.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, site.id])
    return site


def _expect(draft: DraftInfo, revision: int) -> None:
    if draft.revision != revision:
        raise DraftChanged


def _propose(site_code: str, draft: DraftInfo, now: datetime) -> Proposal:
    return queries.get_proposal(
        site_code=site_code, wording=draft.wording, effective_at=draft.effective_at, now=now
    )


def _check(proposal: Proposal) -> None:
    if proposal.is_stopped:
        raise NoticeIncomplete(
            fields={
                "gaps": [
                    describe(finding, "en")
                    for finding in proposal.findings
                    if finding.level is Level.STOP
                ]
            }
        )


def _publish(
    site: SiteInfo,
    proposal: Proposal,
    *,
    author: str,
    note: str,
    effective_at: datetime,
    now: datetime,
    reviewer: str = "",
    restores: int | None = None,
) -> Notice:
    _check(proposal)
    if not proposal.is_news and proposal.previous is not None:
        return proposal.previous
    row = models.NoticeVersion.objects.create(
        site_id=site.id,
        number=proposal.content["number"],
        content=proposal.content,
        content_hash=proposal.hash,
        author=author,
        reviewer=reviewer,
        note=note,
        restores=restores,
        published_at=now,
        effective_at=effective_at,
        review_on=_review_on(site, proposal, effective_at),
    )
    _audit(
        "notice.published" if restores is None else "notice.rolled_back",
        site,
        reviewer or author,
        now,
        number=row.number,
        restores=restores,
    )
    transaction.on_commit(forget_everything)
    return queries.get_by_id(notice_id=row.pk)


def _review_on(site: SiteInfo, proposal: Proposal, effective_at: datetime) -> date:
    months = proposal.content["review_months"]
    return rules.review_on(effective_at=effective_at, months=months, zone=site.zone)


def _audit(action: str, site: SiteInfo, actor: str, now: datetime, **details: Any) -> None:
    audit.append(
        actor=actor,
        action=action,
        site=site.code,
        object="notice",
        details={key: value for key, value in details.items() if value is not None},
        now=now,
    )
