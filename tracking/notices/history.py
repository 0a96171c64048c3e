"""What each version of a notice changed, read once: versions never change."""

from __future__ import annotations

from functools import lru_cache

from tracking.lib.short_memory import remembered
from tracking.notices import diff, models, queries


def list_revisions(*, site_code: str) -> tuple[diff.Revision, ...]:
    """Return every published version of a site with what it changed, the newest first."""
    newest = _find_newest(site_code=site_code)
    return () if newest is None else _list_revisions(newest)


@remembered(seconds=2)
def _find_newest(*, site_code: str) -> int | None:
    return (
        models.NoticeVersion.objects.filter(site__code=site_code)
        .order_by("-number")
        .values_list("id", flat=True)
        .first()
    )


@lru_cache(maxsize=16)
def _list_revisions(newest: int) -> tuple[diff.Revision, ...]:
    # One content beside the one before it, however many there are.
    rows = (
        models.NoticeVersion.objects.filter(site__noticeversion=newest)
        .order_by("number")
        .iterator(chunk_size=1)
    )
    revisions: list[diff.Revision] = []
    before = None
    for row in rows:
        revisions.append(
            diff.Revision(
                publication=queries.read_publication(row),
                diff=None if before is None else diff.compare(before, row.content),
            )
        )
        before = row.content
    return tuple(reversed(revisions))
