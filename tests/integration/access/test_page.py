"""The console's page of tokens: who may, what it shows once and never again."""

from __future__ import annotations

import html as html_lib
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from consentmgr.roles import ROLES
from tests.factories.registry import SITE
from tracking.access import operations
from tracking.access.models import ApiToken
from tracking.audit.models import Entry
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

PAGE = "/console/access/"
READERS = {"developer", "auditor"}
FORM = {"lang": "en", "name": "Monthly report", "scope": "insights:read", "lifetime": "90"}


def signed_in(role: str, **options: Any) -> Client:
    user, _ = User.objects.get_or_create(username=role)
    user.groups.add(Group.objects.get(name=role))
    client = Client(**options)
    client.force_login(user)
    return client


@pytest.fixture
def developer(notice: Notice) -> Client:
    return signed_in("developer")


def read(client: Client, language: str = "en") -> str:
    response = client.get(f"{PAGE}?lang={language}")
    assert response.status_code == 200
    return html_lib.unescape(response.content.decode())


def create(client: Client, **fields: str) -> Any:
    return client.post(PAGE, {**FORM, **fields})


def token_in(response: Any) -> str:
    found = re.findall(r"<code>(cmt_[0-9a-f]{64})</code>", response.content.decode())
    assert len(found) == 1
    return str(found[0])


@pytest.mark.parametrize("role", ROLES)
def test_developers_make_tokens_and_auditors_see_them(notice: Notice, role: str) -> None:
    create(signed_in("developer"))
    token_id = ApiToken.objects.get().pk
    client = signed_in(role)
    page = client.get(f"{PAGE}?lang=en")

    assert page.status_code == (200 if role in READERS else 403)
    assert ("Monthly report" in page.content.decode()) == (role in READERS)
    assert (f'href="{PAGE}?' in client.get("/console/").content.decode()) == (role in READERS)
    may_change = role == "developer"
    assert ("<form" in page.content.decode().partition("<main>")[2]) == may_change
    assert create(client).status_code == (200 if may_change else 403)
    revoked = client.post(f"{PAGE}{token_id}/revoke/").status_code
    assert revoked == (302 if may_change else 403)
    assert ApiToken.objects.get(pk=token_id).revoked_at is None or may_change


def test_whoever_may_not_is_told_whom_to_ask(notice: Notice) -> None:
    assert "“developer”" in create(signed_in("auditor")).content.decode()
    assert "「auditor」" in signed_in("marketing").get(PAGE).content.decode()
    assert Client().get(PAGE).status_code == 302
    assert Client().post(PAGE, FORM).status_code == 302
    assert not ApiToken.objects.exists()


def test_a_token_is_shown_once_with_a_line_that_works(developer: Client) -> None:
    response = create(developer, site=SITE)
    token = token_in(response)
    html = html_lib.unescape(response.content.decode())

    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store"
    line = re.search(r'curl -H "Authorization: Bearer (\S+)" "http://testserver(\S+)"', html)
    assert line is not None
    assert line[1] == token
    answer = Client().get(line[2], headers={"Authorization": f"Bearer {line[1]}"})
    assert answer.status_code == 200
    assert token not in read(developer)
    assert f"…{token[-4:]}" in read(developer)


def test_the_line_names_a_site_also_where_the_token_is_for_all(developer: Client) -> None:
    assert f"/v1/insights/opt-in?site={SITE}" in create(developer).content.decode()


def test_the_list_says_what_a_token_is(developer: Client) -> None:
    create(developer, site=SITE, lifetime="none")
    html = read(developer)

    for words in ("Monthly report", "Works", "Read opt-in rates", "Shop", "by developer"):
        assert words in html
    assert "Not used yet" in html
    assert "No end" in html
    row = ApiToken.objects.get()
    operations.authenticate(token=token_in(create(developer)), now=timezone.now())
    assert f"{timezone.now():%Y-%m-%d} UTC" in read(developer)
    assert (row.site_id is None, row.expires_at) == (False, None)


@pytest.mark.parametrize(("lifetime", "days"), [("90", 90), ("365", 365), ("for ever", 90)])
def test_a_token_ends_when_it_was_said(developer: Client, lifetime: str, days: int) -> None:
    create(developer, lifetime=lifetime)
    row = ApiToken.objects.get()

    assert row.expires_at == row.created_at + timedelta(days=days)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": " \x00"}, "Write a name."),
        ({"name": "長" * 101}, "at most 100 characters"),
        ({"scope": ""}, "Choose at least one thing"),
        ({"scope": "everything"}, "Choose at least one thing"),
        ({"site": "nowhere"}, "Choose a site."),
    ],
)
def test_a_form_with_a_mistake_comes_back_with_what_was_written(
    developer: Client, fields: dict[str, str], words: str
) -> None:
    response = create(developer, **{"name": "Kept <b>", "lifetime": "none", **fields})
    html = response.content.decode()

    assert response.status_code == 400
    assert words in html_lib.unescape(html)
    assert "<b>" not in html
    assert "name" in fields or 'value="Kept &lt;b&gt;"' in html
    assert '<option value="none" selected>' in html
    assert not ApiToken.objects.exists()


def test_revoking_is_asked_twice_and_works_at_once(developer: Client) -> None:
    token = token_in(create(developer))
    row = ApiToken.objects.get()
    html = read(developer)

    # The button is behind what says that there is no way back.
    assert re.search(r"<details><summary[^>]*>Revoke</summary><form[^>]*/revoke/", html)
    assert "This cannot be undone." in html
    response = developer.post(f"{PAGE}{row.pk}/revoke/", {"lang": "en"}, follow=True)
    assert response.redirect_chain == [(f"{PAGE}?lang=en", 302)]
    assert "The token was revoked." in response.content.decode()
    assert "Revoked " in response.content.decode()
    assert "/revoke/" not in response.content.decode()
    assert operations.authenticate(token=token, now=timezone.now()) is None
    assert developer.post(f"{PAGE}{row.pk}/revoke/").status_code == 404
    entries = Entry.objects.filter(action__startswith="token.").order_by("pk")
    assert list(entries.values_list("actor", "action")) == [
        ("developer", "token.created"),
        ("developer", "token.revoked"),
    ]


def test_the_audit_log_has_words_for_it(developer: Client) -> None:
    create(developer)
    developer.post(f"{PAGE}{ApiToken.objects.get().pk}/revoke/")
    auditor = signed_in("auditor")

    for language, words in (
        ("ja", ("APIトークンを作成", "APIトークンを停止", "できること")),
        ("en", ("API token made", "API token revoked")),
    ):
        log = auditor.get(f"/console/audit/?lang={language}").content.decode()
        for word in words:
            assert word in log


def test_looking_changes_nothing_and_forms_need_their_token(developer: Client) -> None:
    create(developer)
    row = ApiToken.objects.get()

    assert developer.get(f"{PAGE}{row.pk}/revoke/").status_code == 405
    strict = signed_in("developer", enforce_csrf_checks=True)
    assert create(strict).status_code == 403
    assert strict.post(f"{PAGE}{row.pk}/revoke/").status_code == 403
    assert ApiToken.objects.count() == 1


def test_the_page_is_there_without_a_site(db: None) -> None:
    client = signed_in("developer")

    assert "トークンはまだありません" in read(client, "ja")
    assert "?site=shop" in html_lib.unescape(create(client).content.decode())
