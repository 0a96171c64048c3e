"""What every test starts with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db.backends.postgresql.operations import DatabaseOperations
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from tests.factories.registry import make_site
from tests.visitors import Visitor
from tracking.banner import queries as banner
from tracking.lib.short_memory import forget_everything
from tracking.notices import history
from tracking.notices import queries as notices
from tracking.notices.types import Notice


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser's tests last: its driver leaves an event loop in this thread."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Rows of one test must not answer for the next."""
    forget_everything()
    notices._load.cache_clear()
    history._list_revisions.cache_clear()
    banner._last.clear()
    yield
    forget_everything()


@pytest.fixture
def notice(db: None) -> Notice:
    return make_site()


@pytest.fixture
def visitor(notice: Notice) -> Visitor:
    return Visitor(notice)


_EMPTY_EVERYTHING = """
DO $$
DECLARE guarded regclass;
BEGIN
  FOR guarded IN SELECT DISTINCT tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal LOOP
    EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', guarded);
  END LOOP;
  EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ')
                  || ' RESTART IDENTITY CASCADE'
             FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_migrations');
  FOR guarded IN SELECT DISTINCT tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal LOOP
    EXECUTE format('ALTER TABLE %s ENABLE TRIGGER USER', guarded);
  END LOOP;
END $$
"""


@pytest.fixture(scope="session", autouse=True)
def _evidence_can_be_emptied_between_tests() -> Iterator[None]:
    """Tests that commit must start from nothing, and only their owner role may lift the guards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", lambda *args, **kwargs: [_EMPTY_EVERYTHING])
        yield


@pytest.fixture(scope="session", autouse=True)
def _passwords_are_quickly_hashed() -> Iterator[None]:
    """What makes guessing slow would take half a second for everybody who signs in here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_looked_for_once() -> Iterator[None]:
    """Every test client has middleware of its own, which would walk through all folders again."""
    found: dict[str, StaticFile] = {}
    look = WhiteNoiseMiddleware.add_files_from_finders

    def look_once(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            look(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
        yield
