"""The only writes of notices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from tracking.lib import canonical_json
from tracking.lib.errors import DomainError
from tracking.lib.short_memory import forget_everything
from tracking.notices import checks, findings, lint, models, queries, rules
from tracking.notices.types import Level, Notice
from tracking.registry import queries as registry

# One advisory lock class for "the next version of this site is being published".
_LOCK_CLASS = 0x434D


class NoticeIncomplete(DomainError):
    code = "notice_incomplete"
    message = "The notice cannot be published yet."
    status = 400


@transaction.atomic
def publish_notice_version(
    *,
    site_code: str,
    wording: Mapping[str, Mapping[str, str]],
    author: str,
    effective_at: datetime | None = None,
    now: datetime,
) -> Notice:
    """
    Freeze what the site declares, with its wording, as the next version.

    `wording` replaces single lines of the default wording, per language. Publishing what is already
    in effect returns the current version: nobody is asked again because of a repeated click.

    :raises NoticeIncomplete: with every gap in `fields["gaps"]`
    :raises UnknownSite:
    """
    declaration = registry.get_declaration(site_code=site_code)
    site = registry.get_site(code=site_code)
    with connection.cursor() as cursor:
        # Two publishers must not both take the next number; rows that never change lock nothing.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, site.id])
    last = models.NoticeVersion.objects.filter(site_id=site.id).order_by("-number").first()
    number = 1 if last is None else last.number + 1
    defaults = queries.default_wording()
    content: dict[str, Any] = {
        "schema": 1,
        **declaration,
        "number": number,
        "wording": {
            language: {**defaults.get(language, {}), **wording.get(language, {})}
            for language in site.languages
        },
    }
    found = (
        *checks.check(
            content=content,
            previous=None if last is None else last.content,
            effective_at=effective_at or now,
            published_at=now,
        ),
        *lint.lint(content),
    )
    gaps = [findings.describe(one, "en") for one in found if one.level is Level.STOP]
    if gaps:
        raise NoticeIncomplete(fields={"gaps": gaps})
    since = rules.material_since(
        previous=None if last is None else last.content, content=content, number=number
    )
    for kind, table in (("purpose", "purposes"), ("item", "data_items"), ("partner", "partners")):
        for entry in content[table]:
            entry["material_since"] = since[f"{kind}:{entry['code']}"]
    if last is not None and {**content, "number": last.number} == last.content:
        return queries.get_by_id(notice_id=last.pk)
    row = models.NoticeVersion.objects.create(
        site_id=site.id,
        number=number,
        content=content,
        content_hash=canonical_json.sha256(content),
        author=author,
        published_at=now,
        effective_at=effective_at or now,
    )
    transaction.on_commit(forget_everything)
    return queries.get_by_id(notice_id=row.pk)
