"""Puts the demo in place: what the shop declares, its notice, its partners' doors, accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.db import transaction

from consentmgr.demo import endpoint_secrets, past
from consentmgr.demo.catalogue import read_catalogue
from consentmgr.demo.places import SITE, Places
from consentmgr.roles import ROLES
from tracking.audit.types import COMMAND_LINE
from tracking.delivery import operations as delivery
from tracking.delivery.types import ConfirmsBy
from tracking.notices import operations as notices
from tracking.notices import queries as notices_queries
from tracking.notices.types import Notice
from tracking.registry import operations as registry

ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """`accounts` are the names of those made now, not of those that were there."""

    notice: Notice
    endpoints: int
    accounts: tuple[str, ...]


@transaction.atomic
def seed(
    *,
    places: Places,
    data_folder: Path,
    password: str,
    keys: Mapping[str, bytes],
    past_days: int,
    now: datetime,
) -> Seeded:
    """
    Bring the demo to the state its catalogue describes; a second time changes nothing.

    `keys` seal the partners' secrets. Without a password no account is made. With a
    past, the notice is as old as that and was changed shortly before its end.
    """
    catalogue = read_catalogue(places=places)
    registry.apply_catalogue(catalogue=catalogue.declaration)
    notice = _publish(past_days=past_days, now=now)
    secrets = endpoint_secrets.load_or_make(
        folder=data_folder, partners=[one.partner for one in catalogue.receivers]
    )
    for one in catalogue.receivers:
        delivery.set_endpoint(
            site=SITE,
            partner=one.partner,
            url=one.webhook_url,
            secret=secrets[one.partner],
            keys=keys,
            # The receivers are on this machine and nowhere else.
            allow_loopback=True,
            confirms_by=ConfirmsBy(one.confirms_by),
            actor=COMMAND_LINE,
            now=now,
        )
    return Seeded(
        notice=notice,
        endpoints=len(catalogue.receivers),
        accounts=_make_accounts(password) if password else (),
    )


def _publish(*, past_days: int, now: datetime) -> Notice:
    publications: list[tuple[datetime, past.Wording]] = [(now, {})]
    if past_days:
        publications = [
            (now - timedelta(days=past_days), {}),
            (now - past.NOTICE_CHANGED, past.NEW_WORDING),
        ]
    if there := notices_queries.list_publications(site_code=SITE):
        # Only what the catalogue says may have changed since.
        publications = [(now, past.NEW_WORDING if len(there) > 1 else {})]
    for at, wording in publications:
        notice = notices.publish_notice_version(
            site_code=SITE, wording=wording, author="demo_seed", now=at
        )
    return notice


def _make_accounts(password: str) -> tuple[str, ...]:
    """Make `admin` and one account per role, all with this password, where they are missing."""
    wanted = (ADMIN, *ROLES)
    there = set(User.objects.filter(username__in=wanted).values_list("username", flat=True))
    missing = tuple(name for name in wanted if name not in there)
    if not missing:
        return ()
    # Hashing is slow on purpose; the password is the same for all, so once is enough.
    encoded = make_password(password)
    for name in missing:
        user = User.objects.create(
            username=name, password=encoded, is_staff=True, is_superuser=name == ADMIN
        )
        if name != ADMIN:
            group, _ = Group.objects.get_or_create(name=name)
            user.groups.add(group)
    return missing
