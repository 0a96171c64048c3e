"""The only reads of notices."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from django.db.models.functions import Now

from tracking.lib import canonical_json
from tracking.lib.errors import DomainError
from tracking.lib.short_memory import remembered
from tracking.notices import checks, lint, models, rules
from tracking.notices.types import DraftInfo, Finding, Notice, Proposal, Publication, Review, Stage
from tracking.registry import queries as registry


class NoNotice(DomainError):
    code = "no_notice"
    message = "This site has not published a notice yet."
    status = 404


@remembered(seconds=2)
def find_current(*, site_code: str) -> Notice | None:
    """Return the newest notice in effect, up to two seconds old."""
    row = (
        models.NoticeVersion.objects.filter(site__code=site_code, effective_at__lte=Now())
        .order_by("-number")
        .values_list("id", flat=True)
        .first()
    )
    return None if row is None else _load(row)


def get_current(*, site_code: str) -> Notice:
    """
    Return the newest notice in effect.

    :raises NoNotice: if the site has none
    """
    notice = find_current(site_code=site_code)
    if notice is None:
        raise NoNotice
    return notice


@remembered(seconds=600)
def find_version(*, site_code: str, number: int) -> Notice | None:
    """Return one version; versions never change, so it is kept."""
    row = (
        models.NoticeVersion.objects.filter(site__code=site_code, number=number)
        .values_list("id", flat=True)
        .first()
    )
    return None if row is None else _load(row)


def get_by_id(*, notice_id: int) -> Notice:
    """Return one version by its row."""
    return _load(notice_id)


def list_publications(*, site_code: str) -> list[Publication]:
    """Return every version of a site, oldest first."""
    return [
        read_publication(row)
        for row in models.NoticeVersion.objects.filter(site__code=site_code)
        .defer("content")
        .order_by("number")
    ]


def read_publication(row: models.NoticeVersion) -> Publication:
    """Return how a version came about."""
    return Publication(
        number=row.number,
        hash=row.content_hash,
        published_at=row.published_at,
        effective_at=row.effective_at,
        author=row.author,
        reviewer=row.reviewer,
        note=row.note,
        restores=row.restores,
        review_on=row.review_on,
    )


def get_draft(*, site_code: str) -> DraftInfo:
    """
    Return the words of the next notice, or, where nobody has saved any, those of the newest.

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    row = models.Draft.objects.filter(site_id=site.id).first()
    if row is not None:
        return _draft_info(row)
    newest = _find_newest(site.id)
    published: Mapping[str, Any] = {} if newest is None else newest.content["wording"]
    return DraftInfo(
        wording=rules.differing(published, default_wording()),
        note="",
        effective_at=None,
        stage=Stage.WRITING,
        revision=0,
        author="",
        saved_at=None,
        submitted_by="",
        submitted_at=None,
        submitted_hash="",
    )


def get_proposal(
    *,
    site_code: str,
    wording: Mapping[str, Mapping[str, str]],
    effective_at: datetime | None,
    now: datetime,
) -> Proposal:
    """
    Return what would be published with these words, and what is to be said about it.

    :raises UnknownSite:
    """
    declaration = registry.get_declaration(site_code=site_code)
    defaults = default_wording()
    worded = {
        language: {**defaults.get(language, {}), **wording.get(language, {})}
        for language in declaration["languages"]
    }
    site = registry.get_site(code=site_code)
    return _propose(
        site_id=site.id,
        more=checks.check_profile(site.profile),
        content={"schema": 1, **declaration, "wording": worded},
        effective_at=effective_at or now,
        now=now,
    )


def get_restoration(*, site_code: str, number: int, now: datetime) -> Proposal:
    """
    Return what would be published to bring an older version back.

    :raises UnknownSite:
    :raises NoNotice: if the site has no such version
    """
    old = find_version(site_code=site_code, number=number)
    if old is None:
        raise NoNotice
    content = {
        key: [_without_since(row) for row in value] if key in rules.MEANT else value
        for key, value in old.content.items()
    }
    return _propose(site_id=old.site_id, content=content, effective_at=now, now=now)


def _propose(
    *,
    site_id: int,
    content: dict[str, Any],
    effective_at: datetime,
    now: datetime,
    more: tuple[Finding, ...] = (),
) -> Proposal:
    versions = models.NoticeVersion.objects.filter(site_id=site_id).order_by("-number")
    newest = versions.first()
    number = 1 if newest is None else newest.number + 1
    before = None if newest is None else newest.content
    content = {**content, "number": number}
    findings = (
        *checks.check(
            content=content, previous=before, effective_at=effective_at, published_at=now
        ),
        *lint.lint(content),
        *more,
    )
    since = rules.material_since(
        previous=before,
        content=content,
        number=number,
        earlier=versions.filter(number__lt=number - 1)
        .values_list("content", flat=True)
        .iterator(chunk_size=5),
    )
    for kind, table in rules.TABLES:
        content[table] = [
            {**entry, "material_since": since[f"{kind}:{entry['code']}"]}
            for entry in content[table]
        ]
    return Proposal(
        content=content,
        hash=canonical_json.sha256(content),
        previous=None if newest is None else _load(newest.pk),
        is_news=newest is None or {**content, "number": newest.number} != newest.content,
        findings=findings,
        renewals=rules.list_renewals(previous=before, content=content, since=since),
    )


def read_proposed(proposal: Proposal, *, site_code: str, now: datetime) -> Notice:
    """Return a proposal as if it were published, to see what it would look like."""
    site = registry.get_site(code=site_code)
    return _notice(
        id=0,
        site_id=site.id,
        site_code=site.code,
        number=proposal.content["number"],
        hash=proposal.hash,
        published_at=now,
        effective_at=now,
        content=proposal.content,
    )


def read_variant(
    notice: Notice, *, wording: Mapping[str, Mapping[str, str]], presentation: str = ""
) -> Notice:
    """Return a published notice as it would be with some words, or its presentation, varied."""
    content = {
        **notice.content,
        "wording": {
            language: {**lines, **wording.get(language, {})}
            for language, lines in notice.content["wording"].items()
        },
        "presentation": presentation or notice.content.get("presentation", ""),
    }
    return replace(notice, content=content)


def check_variant(variant: Notice, *, now: datetime) -> tuple[Finding, ...]:
    """Return what would be said about a variant if it were to be published: duties and fairness."""
    return (
        *checks.check(
            content=variant.content, previous=variant.content, effective_at=now, published_at=now
        ),
        *lint.lint(variant.content),
    )


def find_review(*, site_code: str) -> date | None:
    """Return when the notice in effect is to be looked at again."""
    return next((one.review_on for one in list_reviews() if one.site_code == site_code), None)


def list_reviews() -> list[Review]:
    """Return for each site when its notice in effect is to be looked at again."""
    current = {
        notice.id: (site, notice)
        for site in registry.list_sites()
        if (notice := find_current(site_code=site.code)) is not None
    }
    days = dict(models.NoticeVersion.objects.filter(id__in=current).values_list("id", "review_on"))
    # The last look counts.
    days |= dict(
        models.NoticeReview.objects.filter(notice_id__in=current)
        .order_by("reviewed_at")
        .values_list("notice_id", "next_on")
    )
    return [
        Review(
            site_code=site.code,
            zone=site.zone,
            language="ja" if "ja" in site.languages else "en",
            email=notice.content["company"]["email"],
            notice_id=notice.id,
            number=notice.number,
            review_on=review_on,
        )
        for id, (site, notice) in current.items()
        if (review_on := days[id]) is not None
    ]


@cache
def default_wording() -> dict[str, dict[str, str]]:
    """Return the wording a site starts from, by language: ja, en, and the built-in minimum."""
    data = Path(__file__).parent / "data"
    return {
        language: words
        for name in ("wording.toml", "minimum.toml")
        for language, words in tomllib.loads((data / name).read_text("utf-8")).items()
    }


def list_languages(notice: Notice) -> tuple[str, ...]:
    """Return every language that a notice can be shown in: the site's own ones first."""
    return tuple(dict.fromkeys((*notice.content["languages"], *default_wording())))


def get_wording(notice: Notice, language: str) -> dict[str, str]:
    """
    Return the wording in one of `list_languages`: frozen for a site's language, else built in.

    It is what a visitor read, so a record must lead back to it. A record holds the language and
    the notice's number. If the notice was published in that language, its frozen content has the
    text. If not, it is the text of the release that ran at `recorded_at`, which no record names:
    the operator's deployments tell the release, and the release's minimum.toml the text. Lines that
    are younger than the notice are built in too, in English where we do not speak the language.

    :raises KeyError: if the notice is not shown in that language
    """
    built_in = default_wording()
    frozen = notice.content["wording"].get(language)
    if frozen is None:
        return built_in[language]
    return {**built_in.get(language, built_in["en"]), **frozen}


@lru_cache(maxsize=64)
def _load(notice_id: int) -> Notice:
    row = models.NoticeVersion.objects.select_related("site").get(pk=notice_id)
    return _notice(
        id=row.pk,
        site_id=row.site_id,
        site_code=row.site.code,
        number=row.number,
        hash=row.content_hash,
        published_at=row.published_at,
        effective_at=row.effective_at,
        content=row.content,
    )


def _notice(*, content: Mapping[str, Any], **facts: Any) -> Notice:
    numbers = rules.read_numbers(content)
    terms = rules.read_terms(content)
    return Notice(
        content=content,
        terms=terms,
        numbers=numbers,
        ids={number: choice for choice, number in numbers.items()},
        asked_ids=rules.list_asked_ids(terms),
        **facts,
    )


def _find_newest(site_id: int) -> models.NoticeVersion | None:
    return models.NoticeVersion.objects.filter(site_id=site_id).order_by("-number").first()


def _without_since(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "material_since"}


def _draft_info(row: models.Draft) -> DraftInfo:
    return DraftInfo(
        wording=row.wording,
        note=row.note,
        effective_at=row.effective_at,
        stage=Stage(row.stage),
        revision=row.revision,
        author=row.author,
        saved_at=row.saved_at,
        submitted_by=row.submitted_by,
        submitted_at=row.submitted_at,
        submitted_hash=row.submitted_hash,
    )
