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
    """Return the wording a site starts from, by language."""
    path = Path(__file__).parent / "data" / "wording.toml"
    return tomllib.loads(path.read_text("utf-8"))


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
