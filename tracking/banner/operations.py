"""The only writes of pinned scripts."""

from __future__ import annotations

from datetime import datetime

from tracking.banner import models, queries
from tracking.banner.queries import Script
from tracking.regimes import rules as regimes
from tracking.regimes.types import CountryMethod
from tracking.registry import queries as registry


def pin_script(*, site_code: str, language: str = "", country: str = "", now: datetime) -> Script:
    """
    Keep a site's script as it is now, and the parts that it fetches, for ever.

    `country` takes the place of the visitor's, `language` is as in `get_script`. Pinning what is
    pinned already changes nothing.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    place = regimes.read_place(country, method=CountryMethod.HEADER)
    script = queries.get_script(
        site_code=site_code, language=language, place=place, now=now, is_pinned=True
    )
    models.PinnedScript.objects.bulk_create(
        [
            models.PinnedScript(
                site_id=site.id, digest=script.digest, body=script.brotli, pinned_at=now
            ),
            *(
                models.PinnedScript(part=name, digest=part.digest, body=part.brotli, pinned_at=now)
                for name, part in queries.get_parts().items()
            ),
        ],
        ignore_conflicts=True,
    )
    return script
