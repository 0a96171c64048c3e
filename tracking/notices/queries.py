"""The only reads of notices."""

from __future__ import annotations

import tomllib
from functools import cache, lru_cache
from pathlib import Path

from django.db.models.functions import Now

from tracking.lib.errors import DomainError
from tracking.lib.short_memory import remembered
from tracking.notices import models, rules
from tracking.notices.types import Notice, Publication


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
    rows = models.NoticeVersion.objects.filter(site__code=site_code).order_by("number")
    return [
        Publication(number=number, published_at=published_at, effective_at=effective_at)
        for number, published_at, effective_at in rows.values_list(
            "number", "published_at", "effective_at"
        )
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
    numbers = rules.read_numbers(row.content)
    terms = rules.read_terms(row.content)
    return Notice(
        id=row.pk,
        site_id=row.site_id,
        site_code=row.site.code,
        number=row.number,
        hash=row.content_hash,
        published_at=row.published_at,
        effective_at=row.effective_at,
        content=row.content,
        terms=terms,
        numbers=numbers,
        ids={number: choice for choice, number in numbers.items()},
        asked_ids=rules.list_asked_ids(terms),
    )
