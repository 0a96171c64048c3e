"""Tokens in PostgreSQL: made, used, revoked; what the tables refuse."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from tests.factories.clock import NOW
from tests.factories.registry import SITE
from tracking.access import operations, queries
from tracking.access.models import ApiToken
from tracking.access.types import NewApiToken, Scope
from tracking.audit.models import Entry
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=1)


def make(**fields: Any) -> NewApiToken:
    whole: dict[str, Any] = {
        "name": "Monthly report",
        "scopes": ["insights:read"],
        "site_code": "",
        "expires_at": None,
        "actor": "dev",
        "now": NOW,
    }
    return operations.create_api_token(**{**whole, **fields})


def test_a_token_is_kept_nowhere_and_recognised_by_its_end(notice: Notice) -> None:
    made = make(site_code=SITE, expires_at=LATER)
    row = ApiToken.objects.get()

    assert made.token.startswith("cmt_")
    assert len(made.token) == 68
    assert row.digest == hashlib.sha256(made.token.encode()).hexdigest()
    assert (row.tail, row.created_by, row.created_at) == (made.token[-4:], "dev", NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(t)::text FROM access_apitoken t")
        kept = cursor.fetchone()[0] + str(Entry.objects.values())
    assert made.token not in kept
    assert made.token[4:60] not in kept


def test_no_two_tokens_are_alike(db: None) -> None:
    assert len({make().token for _ in range(20)}) == 20


def test_making_and_revoking_is_in_the_audit_log(notice: Notice) -> None:
    made = make(site_code=SITE, expires_at=LATER)
    operations.revoke_api_token(token_id=ApiToken.objects.get().pk, actor="boss", now=LATER)
    name = f"Monthly report …{made.token[-4:]}"

    entries = Entry.objects.filter(action__startswith="token.").order_by("pk")
    assert list(entries.values_list("at", "actor", "action", "site", "object")) == [
        (NOW, "dev", "token.created", SITE, name),
        (LATER, "boss", "token.revoked", SITE, name),
    ]
    assert entries[0].details == {
        "scopes": "insights:read",
        "until": LATER.isoformat(timespec="minutes"),
    }


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"name": " "}, {"name": "missing"}),
        ({"name": "x" * 101}, {"name": "too_long"}),
        ({"scopes": []}, {"scopes": "unknown"}),
        ({"scopes": ["insights:read", "all"]}, {"scopes": "unknown"}),
        ({"site_code": "nowhere"}, {"site": "unknown"}),
        ({"expires_at": NOW}, {"expires_at": "past"}),
        ({"name": "", "scopes": ["x"]}, {"name": "missing", "scopes": "unknown"}),
    ],
)
def test_a_token_that_makes_no_sense_is_refused(
    db: None, fields: dict[str, Any], faults: dict[str, str]
) -> None:
    with pytest.raises(operations.ApiTokenInvalid) as refused:
        make(**fields)

    assert refused.value.fields == faults
    assert not ApiToken.objects.exists()
    assert not Entry.objects.exists()


def test_a_token_is_known_until_it_ends(db: None) -> None:
    token = make(expires_at=LATER).token

    known = operations.authenticate(token=token, now=LATER - timedelta(microseconds=1))
    assert known is not None
    assert (known.name, known.scopes, known.site) == ("Monthly report", {Scope.INSIGHTS_READ}, None)
    assert operations.authenticate(token=token, now=LATER) is None


def test_a_revoked_token_is_unknown_at_once_and_for_good(db: None) -> None:
    token = make().token
    row = ApiToken.objects.get()
    operations.revoke_api_token(token_id=row.pk, actor="dev", now=NOW)

    assert operations.authenticate(token=token, now=NOW) is None
    for token_id in (row.pk, row.pk + 1):
        with pytest.raises(operations.UnknownApiToken):
            operations.revoke_api_token(token_id=token_id, actor="dev", now=LATER)
    assert Entry.objects.filter(action="token.revoked").count() == 1


@pytest.mark.parametrize("token", ["", "cmt_", f"cmt_{'0' * 64}", "cmt_\x00", "é"])
def test_another_token_is_unknown(db: None, token: str) -> None:
    make()

    assert operations.authenticate(token=token, now=NOW) is None


def test_what_cannot_be_a_token_asks_no_database(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert operations.authenticate(token="x" * 5000, now=NOW) is None


def test_the_day_of_the_last_use_is_written_once_a_day(
    db: None, django_assert_num_queries: Any
) -> None:
    token = make().token

    with django_assert_num_queries(2):
        operations.authenticate(token=token, now=NOW)
    assert ApiToken.objects.get().last_used_on == NOW.date()
    with django_assert_num_queries(1):
        operations.authenticate(token=token, now=NOW)
    with django_assert_num_queries(2):
        operations.authenticate(token=token, now=LATER)
    assert ApiToken.objects.get().last_used_on == LATER.date()


def test_a_token_that_is_refused_leaves_no_day(db: None) -> None:
    token = make(expires_at=LATER).token
    operations.authenticate(token=token, now=LATER)

    assert ApiToken.objects.get().last_used_on is None


def test_tokens_that_work_are_listed_first(db: None) -> None:
    for name in ("old", "revoked", "new"):
        make(name=name, now=NOW + timedelta(seconds=ApiToken.objects.count()))
    revoked = ApiToken.objects.get(name="revoked")
    operations.revoke_api_token(token_id=revoked.pk, actor="dev", now=LATER)
    make(name="ended", expires_at=LATER, now=NOW + timedelta(minutes=1))

    names = [one.name for one in queries.list_api_tokens(now=LATER)]
    assert names == ["new", "old", "ended", "revoked"]


# --- what PostgreSQL refuses


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"name": "  "}, "api_token_named"),
        ({"scopes": []}, "api_token_scopes_known"),
        ({"scopes": ["insights:read", "insights:write"]}, "api_token_scopes_known"),
        ({"digest": "0" * 63}, "api_token_digest_is_sha256"),
        ({"tail": "abcde"}, "api_token_tail_is_short"),
        ({"created_by": ""}, "api_token_has_maker"),
        ({"expires_at": NOW}, "api_token_ends_after_its_start"),
        ({"revoked_at": NOW - timedelta(seconds=1)}, "api_token_revoked_after_its_start"),
    ],
)
def test_postgres_refuses_a_row_that_makes_no_sense(
    db: None, fields: dict[str, Any], constraint: str
) -> None:
    row = {
        "name": "x",
        "scopes": ["insights:read"],
        "digest": "0" * 64,
        "tail": "abcd",
        "created_by": "dev",
        "created_at": NOW,
    }
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        ApiToken.objects.create(**{**row, **fields})
    ApiToken.objects.create(**row)
    with pytest.raises(IntegrityError, match="api_token_digest_once"), transaction.atomic():
        ApiToken.objects.create(**row)


@pytest.mark.parametrize(
    "change",
    [
        "revoked_at = NULL",
        "revoked_at = revoked_at + interval '1 day'",
        "digest = repeat('0', 64)",
        "expires_at = NULL",
        "site_id = NULL",
        "name = 'another'",
    ],
)
def test_postgres_lets_nobody_widen_a_token_or_bring_it_back(notice: Notice, change: str) -> None:
    make(site_code=SITE, expires_at=LATER)
    operations.revoke_api_token(token_id=ApiToken.objects.get().pk, actor="dev", now=NOW)

    with (
        pytest.raises(ProgrammingError, match="can only be revoked, once"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE access_apitoken SET {change}")  # noqa: S608
