"""How a site holds what its pages ask: an operator's setting, beside what a notice freezes."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from tests.factories.registry import SITE, catalogue, make_site
from tracking.lib.short_memory import forget_everything
from tracking.notices.types import Notice
from tracking.registry import models, operations, queries
from tracking.registry.types import HoldMode

pytestmark = pytest.mark.django_db


def test_a_site_begins_by_looking(notice: Notice) -> None:
    site = queries.get_site(code=SITE)

    assert (site.hold_mode, site.replays_held) == (HoldMode.OBSERVE, True)


@pytest.mark.parametrize("mode", list(HoldMode))
def test_the_catalogue_sets_it(mode: HoldMode) -> None:
    content = catalogue()
    content["site"] |= {"hold_mode": mode.value, "replays_held": False}
    operations.apply_catalogue(catalogue=content)

    site = queries.get_site(code=SITE)
    assert (site.hold_mode, site.replays_held) == (mode, False)


def test_a_catalogue_that_is_silent_leaves_the_operators_setting(notice: Notice) -> None:
    models.Site.objects.update(hold_mode=HoldMode.STRICT, replays_held=False)

    operations.apply_catalogue(catalogue=catalogue())
    forget_everything()

    site = queries.get_site(code=SITE)
    assert (site.hold_mode, site.replays_held) == (HoldMode.STRICT, False)


def test_the_mode_is_no_part_of_the_notice(notice: Notice) -> None:
    models.Site.objects.update(hold_mode=HoldMode.STRICT)

    assert "hold_mode" not in queries.get_declaration(site_code=SITE)
    assert make_site().hash == notice.hash


def test_postgres_refuses_an_unknown_mode(notice: Notice) -> None:
    with pytest.raises(IntegrityError, match="site_hold_mode_known"), transaction.atomic():
        models.Site.objects.update(hold_mode="lenient")


def test_the_console_offers_both(notice: Notice, admin_client: Client) -> None:
    site = models.Site.objects.get()
    page = admin_client.get(f"/console/admin/registry/site/{site.pk}/change/").content.decode()

    assert 'name="hold_mode"' in page
    assert 'value="strict"' in page
    assert 'name="replays_held"' in page


def test_the_migration_says_all_of_it() -> None:
    call_command("makemigrations", "registry", check=True, dry_run=True, verbosity=0)
