"""A machine reads numbers with its token; everybody else is told how, and nothing else."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from tests.factories.registry import ORIGIN, SITE, catalogue
from tracking.access import operations, queries
from tracking.access.models import ApiToken
from tracking.notices.types import Notice
from tracking.registry.operations import apply_catalogue

pytestmark = pytest.mark.django_db

REPORT = f"/v1/insights/opt-in?site={SITE}"
WRONG = f"cmt_{'0' * 64}"


def make(*, site: str = "", **fields: Any) -> str:
    now = fields.pop("now", timezone.now())
    return operations.create_api_token(
        name="Report",
        scopes=["insights:read"],
        site_code=site,
        expires_at=fields.pop("expires_at", None),
        actor="dev",
        now=now,
    ).token


def get(token: str, address: str = REPORT, **headers: str) -> Any:
    return Client().get(address, headers={"Authorization": f"Bearer {token}", **headers})


def other_site() -> None:
    other = catalogue()
    other["site"]["code"] = "other"
    apply_catalogue(catalogue=other)


@pytest.mark.parametrize("site", ["", SITE])
def test_a_token_reads_the_numbers(notice: Notice, site: str) -> None:
    response = get(make(site=site))

    assert response.status_code == 200
    assert response.json()["site"] == SITE
    assert response["Cache-Control"] == "private, no-store"
    assert ApiToken.objects.get().last_used_on is not None


def test_a_token_reads_them_as_csv(notice: Notice) -> None:
    response = get(make(), f"{REPORT}&format=csv")

    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/csv")


def test_the_scheme_is_read_in_any_case(notice: Notice) -> None:
    assert Client().get(REPORT, headers={"Authorization": f"bearer {make()}"}).status_code == 200


def test_wrong_ended_and_revoked_tokens_are_answered_alike(notice: Notice) -> None:
    past = timezone.now() - timedelta(days=2)
    ended = make(now=past, expires_at=past + timedelta(days=1))
    revoked = make()
    operations.revoke_api_token(
        token_id=ApiToken.objects.latest("pk").pk, actor="dev", now=timezone.now()
    )
    answers = [get(token) for token in (WRONG, ended, revoked, "nonsense", "")]

    for response in answers:
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"
        assert response.json() == {
            "code": "api_token_refused",
            "message": "This token is none, or it was revoked, or it has ended.",
            "fields": {},
        }


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic ZGV2OnNlY3JldA=="}])
def test_who_brings_no_token_is_told_that_one_is_needed(
    notice: Notice, headers: dict[str, str]
) -> None:
    response = Client().get(REPORT, headers=headers)

    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert response.json()["code"] == "not_authenticated"


def test_a_wrong_token_is_refused_also_beside_a_session(notice: Notice) -> None:
    user = User.objects.create_user("ops")
    user.user_permissions.add(Permission.objects.get(codename="view_dailynumber"))
    client = Client()
    client.force_login(user)

    assert client.get(REPORT).status_code == 200
    wrong = client.get(REPORT, headers={"Authorization": f"Bearer {WRONG}"})
    assert wrong.status_code == 401


def test_a_token_of_another_site_is_powerless_whether_or_not_the_site_exists(
    notice: Notice,
) -> None:
    other_site()
    token = make(site="other")

    assert get(token, "/v1/insights/opt-in?site=other").status_code == 200
    for site in (SITE, "nowhere"):
        response = get(token, f"/v1/insights/opt-in?site={site}")
        assert response.status_code == 403
        assert response.json()["code"] == "api_token_powerless"
    assert get(token, "/v1/insights/opt-in").status_code == 400
    assert get(make(), "/v1/insights/opt-in?site=nowhere").status_code == 404


def test_a_token_without_the_scope_is_powerless(
    notice: Notice, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make()
    # There is one scope so far, and PostgreSQL lets no token have none.
    found = queries._info
    monkeypatch.setattr(queries, "_info", lambda row: replace(found(row), scopes=frozenset()))

    response = get(token)
    assert response.status_code == 403
    assert response.json()["code"] == "api_token_powerless"


def test_a_token_opens_nothing_else(notice: Notice) -> None:
    token = make()

    assert get(token, "/console/").status_code == 302
    assert get(token, "/console/access/").status_code == 302
    assert get(token, "/metrics").status_code == 404


def test_a_page_of_a_site_cannot_send_a_token(notice: Notice) -> None:
    response = Client().options(
        REPORT,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        },
    )

    assert "authorization" not in response["Access-Control-Allow-Headers"]


def test_no_token_is_ever_logged(
    notice: Notice, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    token = make()
    get(token)
    get(WRONG)

    def away(**_: Any) -> None:
        raise OperationalError(f"away while {token} was looked for")

    monkeypatch.setattr(queries, "find_live_api_token", away)
    response = get(token)

    assert response.status_code == 503
    assert "database away" in caplog.text
    assert token not in caplog.text
    assert WRONG not in caplog.text


def test_the_schema_says_how_a_token_is_sent(db: None) -> None:
    schema = Client().get("/v1/schema/?format=json").json()

    scheme = schema["components"]["securitySchemes"]["apiToken"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    call = schema["paths"]["/v1/insights/opt-in"]["get"]
    assert {"apiToken": []} in call["security"]
    assert {"401", "403"} <= call["responses"].keys()
