"""
What an operator does by hand, as a program with the service's environment:

    python -m tests.faults.site prepare JSON      declare the site, publish, set endpoints
    python -m tests.faults.site resume PARTNER    tell a partner again that was gone

`prepare` takes `{partner: {"url": …, "secret": …}}` and prints the notice's number, the site's id
and the maps that grant everything.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from tests.faults.load import ORIGIN, SITE

PURPOSES = ("advertising", "personalisation")


def prepare(endpoints: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Declare the site and where its partners are told; return what the load has to know."""
    from django.conf import settings
    from django.utils import timezone

    from tests.factories import registry as factory
    from tests.visitors import maps
    from tracking.delivery import operations as delivery
    from tracking.notices import operations as notices
    from tracking.registry import operations as registry

    catalogue = factory.catalogue()
    catalogue["site"] |= {"code": SITE, "origins": [ORIGIN]}
    catalogue["partners"] = [factory.partner(code) for code in endpoints]
    catalogue["tags"] = [factory.tag(code, code, list(PURPOSES)) for code in endpoints]
    registry.apply_catalogue(catalogue=catalogue)
    notice = notices.publish_notice_version(
        site_code=SITE, wording={}, author="faults", now=timezone.now()
    )
    for code, endpoint in endpoints.items():
        delivery.set_endpoint(
            site=SITE,
            partner=code,
            url=endpoint["url"],
            secret=endpoint["secret"],
            keys=settings.CONSENT_KEYS,
            allow_loopback=True,
            actor="faults",
            now=timezone.now(),
        )
    return {
        "notice": notice.number,
        "site_id": notice.site_id,
        "allowed": maps(notice.asked_ids, frozenset()),
    }


def resume(partner: str) -> dict[str, Any]:
    """Tell a partner again; return how many events were waiting."""
    from django.utils import timezone

    from tracking.delivery import operations as delivery

    return {
        "waiting": delivery.resume(site=SITE, partner=partner, actor="faults", now=timezone.now())
    }


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consentmgr.settings")
    import django

    django.setup()
    match sys.argv[1:]:
        case ["prepare", text]:
            answer = prepare(json.loads(text))
        case ["resume", partner]:
            answer = resume(partner)
        case _:
            sys.exit(__doc__)
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
