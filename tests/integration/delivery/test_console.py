"""The pages about deliveries: who may see what, what they say, what a press does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from consentmgr.roles import ROLES
from tests.factories.people import signed_in
from tests.factories.registry import SITE
from tests.fakes import SECRET, FakePartner, Say, fake_partner
from tests.integration.delivery.conftest import ADCO, RETARGETER, Tell, deliver, set_endpoint
from tracking.audit.models import Entry
from tracking.delivery import operations, queries, rules
from tracking.delivery.masking import MASK
from tracking.delivery.models import Endpoint
from tracking.delivery.types import ConfirmsBy, EndpointState
from tracking.outbox.models import OutboxEvent
from tracking.outbox.types import EventState

pytestmark = pytest.mark.django_db

BASE = "/console/deliveries/"
PARTNER = f"{BASE}{SITE}/{ADCO}/"
FORM = f"{PARTNER}endpoint/"
MAY_SEE = {"privacy", "developer", "auditor"}


@pytest.fixture
def privacy(site_id: int) -> Client:
    return signed_in("privacy")


@pytest.fixture
def auditor(site_id: int) -> Client:
    return signed_in("auditor")


@pytest.fixture
def told(partner: FakePartner, tell: Tell) -> OutboxEvent:
    event = tell()
    deliver()
    event.refresh_from_db()
    return event


@pytest.fixture
def give_up(partner: FakePartner, tell: Tell) -> Callable[..., OutboxEvent]:
    """Have an event of some time ago given up."""

    def dead(*, now: datetime | None = None) -> OutboxEvent:
        partner.answering = lambda _: Say(status=500)
        event = tell(now=now or timezone.now() - timedelta(hours=73))
        Endpoint.objects.update(opened_until=None, consecutive_failures=0, openings=0)
        deliver()
        event.refresh_from_db()
        assert event.state == EventState.DEAD
        return event

    return dead


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def follow(client: Client, address: str, **fields: str) -> str:
    response = client.post(address, {"lang": "en", **fields}, follow=True)
    assert response.status_code == 200
    assert response.redirect_chain
    return response.content.decode()


# --- who may see and do what


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("page", ["", "dead/", f"{SITE}/{ADCO}/", "event"])
def test_who_may_look(told: OutboxEvent, role: str, page: str) -> None:
    address = f"{PARTNER}events/{told.pk}/" if page == "event" else BASE + page
    response = signed_in(role).get(address)
    assert response.status_code == (200 if role in MAY_SEE else 403)
    assert response["Cache-Control"] == "private, no-store"
    if role not in MAY_SEE:
        assert "Adco" not in response.content.decode()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("act", ["pause", "resume", "rotate", "finish", "replay", "endpoint"])
def test_who_may_act(told: OutboxEvent, role: str, act: str) -> None:
    client = signed_in(role)
    response = client.post(f"{PARTNER}{act}/", {"transport": "webhook"})
    assert (response.status_code == 403) == (role != "privacy")
    if role != "privacy":
        assert not Entry.objects.filter(actor=role).exists()
        assert Endpoint.objects.get().state == EndpointState.ACTIVE
        assert client.get(FORM).status_code == 403


@pytest.mark.parametrize("role", ROLES)
def test_the_way_there_is_shown_to_those_who_may_go_it(told: OutboxEvent, role: str) -> None:
    client = signed_in(role)
    html = client.get("/console/").content.decode()
    assert (f'href="{BASE}' in html) == (role in MAY_SEE)
    if role in MAY_SEE:
        page = text_of(client, PARTNER)
        assert ('<form method="post" action="' + PARTNER in page) == (role == "privacy")


def test_a_stranger_is_asked_to_sign_in(site_id: int) -> None:
    for address in (BASE, PARTNER, FORM):
        assert Client().get(address)["Location"].startswith("/console/sign-in/?next=")


@pytest.mark.parametrize("act", ["pause", "resume", "rotate", "finish", "replay"])
def test_acts_need_a_press_with_the_forms_token(told: OutboxEvent, act: str) -> None:
    client = signed_in("privacy", enforce_csrf_checks=True)
    assert client.get(f"{PARTNER}{act}/").status_code == 405
    assert client.post(f"{PARTNER}{act}/").status_code == 403
    assert not Entry.objects.filter(actor="privacy").exists()


@pytest.mark.parametrize(
    "address",
    [
        f"{BASE}nowhere/{ADCO}/",
        f"{BASE}{SITE}/nobody/",
        f"{BASE}{SITE}/nobody/endpoint/",
        f"{PARTNER}events/99999999999999999999/",
    ],
)
def test_what_is_not_there_is_not_found(privacy: Client, address: str) -> None:
    assert privacy.get(address).status_code == 404


def test_acts_on_what_is_not_there_are_not_found(privacy: Client) -> None:
    for act in ("pause", "resume", "finish"):
        assert privacy.post(f"{PARTNER}{act}/").status_code == 404


def test_another_partners_event_is_not_shown_under_this_one(
    told: OutboxEvent, auditor: Client
) -> None:
    assert auditor.get(f"{BASE}{SITE}/{RETARGETER}/events/{told.pk}/").status_code == 404


# --- what they say


def test_the_overview_tells_how_each_partner_stands(
    told: OutboxEvent, tell: Tell, auditor: Client
) -> None:
    tell(partner=RETARGETER, now=timezone.now() - timedelta(hours=25))
    html = text_of(auditor, f"{BASE}?lang=en")
    for words in ("Adco Inc.", "Sending", "Retargeter Inc.", "No endpoint", "50.0%", "100.0%"):
        assert words in html
    # Nothing waits for these, so they only lack an endpoint.
    assert "Partners without an endpoint" in html
    assert "Statco Inc." in html


def test_the_overview_says_when_nobody_looks_for_work(site_id: int, auditor: Client) -> None:
    assert "まだだれも探していません" in text_of(auditor, BASE)


def test_without_a_site_the_next_step_is_said(db: None) -> None:
    client = signed_in("auditor")
    for address in (BASE, f"{BASE}dead/"):
        assert "サイトがまだありません" in text_of(client, address)


@pytest.mark.parametrize("address", [BASE, PARTNER, f"{BASE}dead/"])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_pages_are_in_the_language_asked_for_and_hold_nothing_inline(
    told: OutboxEvent, auditor: Client, address: str, language: str
) -> None:
    response = auditor.get(f"{address}?lang={language}")
    html = response.content.decode()
    assert f'<html lang="{language}">' in html
    for inline in ("<script", "style=", "onclick", "{"):
        assert inline not in html
    assert "unsafe-inline" not in response["Content-Security-Policy"]


def test_nobody_reads_whose_device_it_is_or_what_was_chosen(
    told: OutboxEvent, auditor: Client
) -> None:
    for address in (
        PARTNER,
        f"{PARTNER}?which=all",
        f"{PARTNER}events/{told.pk}/",
        f"{BASE}dead/",
    ):
        html = text_of(auditor, address)
        for private in (told.subject, "withdrawn", "広告"):
            assert private not in html


def test_an_event_is_shown_with_its_attempts(
    partner: FakePartner, tell: Tell, auditor: Client
) -> None:
    answers = iter([Say(status=503), Say()])
    partner.answering = lambda _: next(answers)
    event = tell()
    deliver()
    deliver(clock=lambda: timezone.now() + timedelta(minutes=1))
    html = text_of(auditor, f"{PARTNER}events/{event.pk}/?lang=en")
    for words in (rules.message_id(event.message_key), "Confirmed", "503", "204", "No answer"):
        assert words in html
    assert html.count("<tr>") == 3


def test_filters_show_their_events(
    told: OutboxEvent, give_up: Callable[..., OutboxEvent], tell: Tell, auditor: Client
) -> None:
    dead = give_up()
    operations.pause(site=SITE, partner=ADCO, actor="x", now=timezone.now())
    waiting = tell()

    def listed(which: str) -> set[int]:
        html = text_of(auditor, f"{PARTNER}?which={which}")
        return {int(one) for one in re.findall(r"/events/(\d+)/", html)}

    assert listed("open") == {dead.pk, waiting.pk}
    assert listed("overdue") == listed("dead") == {dead.pk}
    assert listed("all") == {dead.pk, waiting.pk, told.pk}
    assert listed("nonsense") == listed("open")


def test_pages_of_events_lead_on_and_back(
    told: OutboxEvent, tell: Tell, auditor: Client, site_id: int
) -> None:
    operations.pause(site=SITE, partner=ADCO, actor="x", now=timezone.now())
    for _ in range(51):
        tell()
    first = text_of(auditor, f"{PARTNER}?which=all&lang=en")
    [older] = re.findall(r'href="(\?[^"]*after=[^"]*)" rel="next"', first)
    second = text_of(auditor, PARTNER + older.replace("&amp;", "&"))
    shown = [re.findall(r"/events/(\d+)/", html) for html in (first, second)]
    assert [len(page) for page in shown] == [50, 2]
    assert not set(shown[0]) & set(shown[1])
    assert "Back to the first page" in second


@pytest.mark.parametrize("query", ["?after=junk", "?which=%00", "?message=%00", "?site=%ff"])
def test_nonsense_is_answered_plainly(told: OutboxEvent, auditor: Client, query: str) -> None:
    for address in (BASE, PARTNER, f"{BASE}dead/"):
        assert auditor.get(address + query).status_code == 200


def test_a_message_is_found_by_its_id_also_by_one_that_a_newer_replaced(
    partner: FakePartner, tell: Tell, auditor: Client
) -> None:
    old = tell(subject="s")
    deliver()
    new = tell(subject="s", version=2)
    for event in (old, new):
        response = auditor.get(PARTNER, {"message": rules.message_id(event.message_key)})
        assert response["Location"].startswith(f"{PARTNER}events/{new.pk}/")
    html = text_of(auditor, f"{PARTNER}?message=msg_{'0' * 32}&lang=en")
    assert "No message to this partner has that id." in html


def test_requests_are_charted_and_tabled(told: OutboxEvent, auditor: Client) -> None:
    html = text_of(auditor, PARTNER)
    assert '<rect class="fill good" x="470"' in html
    assert "表で見る" in html


@pytest.mark.parametrize(
    ("address", "most"), [(BASE, 14), (PARTNER, 16), (f"{BASE}dead/", 14), ("event", 12)]
)
def test_reads_are_few_however_many_events_there_are(
    told: OutboxEvent,
    tell: Tell,
    auditor: Client,
    address: str,
    most: int,
    django_assert_max_num_queries: Any,
) -> None:
    operations.pause(site=SITE, partner=ADCO, actor="x", now=timezone.now())
    for _ in range(12):
        tell()
    address = f"{PARTNER}events/{told.pk}/" if address == "event" else address
    auditor.get(address)
    with django_assert_max_num_queries(most):
        auditor.get(address)


def test_the_database_away_is_said_plainly(
    told: OutboxEvent, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(queries, "get_overview", away)
    response = auditor.get(f"{BASE}?lang=en")
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert "Nothing is lost" in response.content.decode()


# --- what a press does


def test_pausing_and_resuming(told: OutboxEvent, tell: Tell, privacy: Client) -> None:
    assert "Paused." in follow(privacy, f"{PARTNER}pause/")
    assert Endpoint.objects.get().state == EndpointState.PAUSED
    tell()
    assert deliver().sent == 0
    assert "1 messages are on their way" in follow(privacy, f"{PARTNER}resume/")
    assert deliver().accepted == 1
    assert list(
        Entry.objects.filter(actor="privacy").order_by("pk").values_list("action", flat=True)
    ) == ["endpoint.paused", "endpoint.resumed"]


def test_a_secret_goes_in_and_never_comes_out(
    partner: FakePartner, tell: Tell, privacy: Client
) -> None:
    new = operations.new_secret()
    html = follow(privacy, f"{PARTNER}rotate/", secret=f" {new}\r\n")
    html += text_of(privacy, PARTNER) + text_of(privacy, FORM)
    for secret in (SECRET, new):
        assert secret not in html
    for known in ([SECRET], [new]):
        partner.secrets = known
        tell()
        assert deliver().accepted == 1
    follow(privacy, f"{PARTNER}finish/")
    partner.secrets = [SECRET]
    tell()
    assert deliver().accepted == 0


def test_a_secret_that_cannot_be_used_changes_nothing(told: OutboxEvent, privacy: Client) -> None:
    html = follow(privacy, f"{PARTNER}rotate/", secret="whsec_short")
    assert "This secret cannot be used" in html
    assert "whsec_short" not in html
    assert not Endpoint.objects.get().previous_secret_sealed


def test_the_number_is_shown_before_dead_messages_are_sent_again(
    give_up: Callable[..., OutboxEvent], partner: FakePartner, tell: Tell, privacy: Client
) -> None:
    give_up(now=timezone.now() - timedelta(hours=100))
    give_up(now=timezone.now() - timedelta(hours=75))
    address = f"{BASE}dead/?partner={ADCO}&lang=en"
    assert "2 dead, 0 waiting" in text_of(privacy, address)
    local = timezone.localtime(
        timezone.now() - timedelta(hours=90), timezone=queries.ZoneInfo("Asia/Tokyo")
    )
    since = f"{local:%Y-%m-%dT%H:%M}"
    html = text_of(privacy, f"{address}&since={since}")
    assert "Send 1 again" in html
    assert f'name="since" value="{since}"' in html

    partner.answering = lambda _: Say()
    assert "1 messages are on their way" in follow(privacy, f"{PARTNER}replay/", since=since)
    assert deliver().accepted == 1
    assert "1 dead, 0 waiting" in text_of(privacy, address)
    entry = Entry.objects.get(action="events.replayed")
    assert entry.actor == "privacy"
    assert datetime.fromisoformat(entry.details["since"]) == local.replace(second=0, microsecond=0)


def test_a_partner_that_lost_its_data_is_told_all_of_it_again(
    told: OutboxEvent, partner: FakePartner, privacy: Client
) -> None:
    html = text_of(privacy, f"{BASE}dead/?partner={ADCO}&told=1&lang=en")
    assert "0 dead, 0 waiting, 1 accepted" in html
    follow(privacy, f"{PARTNER}replay/", told="1")
    deliver()
    assert partner.keys == [rules.message_id(told.message_key)] * 2


def test_a_range_that_is_none_is_said_and_sends_nothing(
    give_up: Callable[..., OutboxEvent], privacy: Client
) -> None:
    event = give_up()
    html = text_of(privacy, f"{BASE}dead/?partner={ADCO}&since=yesterday&lang=en")
    assert "2026-11-26T09:30" in html
    assert "Send 1 again" not in html
    follow(privacy, f"{PARTNER}replay/", since="yesterday")
    event.refresh_from_db()
    assert event.state == EventState.DEAD


def test_a_replay_to_a_paused_partner_says_that_it_waits(
    give_up: Callable[..., OutboxEvent], privacy: Client
) -> None:
    give_up()
    follow(privacy, f"{PARTNER}pause/")
    assert "Until that ends, nothing leaves." in text_of(privacy, f"{BASE}dead/?lang=en")


# --- the form


def filled(partner: FakePartner, **fields: str) -> dict[str, str]:
    return {
        "lang": "en",
        "transport": "webhook",
        "url": partner.url,
        "secret": SECRET,
        "confirms_by": "acknowledgement",
        "concurrency": "3",
        "action": "save",
        **fields,
    }


def test_an_endpoint_is_added_tried_and_saved(site_id: int, tell: Tell, privacy: Client) -> None:
    ways = text_of(privacy, f"{FORM}?lang=en")
    for words in ("Choose a way", "Signed webhook", "Twilio Segment", "needs no identifier"):
        assert words in ways
    blank = text_of(privacy, f"{FORM}?transport=webhook&lang=en")
    assert "tells" in blank or "is told" in blank
    with fake_partner() as partner:
        tried = privacy.post(FORM, filled(partner, action="test"))
        html = tried.content.decode()
        assert (tried.status_code, len(partner.received)) == (200, 1)
        assert "It arrived." in html
        assert f"POST {partner.url}" in html
        assert "consent.test" in html
        assert "HTTP 204" in html
        assert SECRET not in html
        assert f'value="{partner.url}"' in html
        assert not Endpoint.objects.exists()

        assert "The endpoint is saved." in follow(privacy, FORM, **filled(partner))
        found = queries.find_endpoint(site=SITE, partner=ADCO)
        assert found is not None
        assert (found.url, found.confirms_by, found.concurrency) == (
            partner.url, ConfirmsBy.ACKNOWLEDGEMENT, 3,
        )  # fmt: skip
        tell()
        assert deliver().accepted == 1


def test_a_change_keeps_the_secret_and_shows_what_there_is(
    partner: FakePartner, tell: Tell, privacy: Client
) -> None:
    html = text_of(privacy, f"{FORM}?lang=en")
    assert f'value="{partner.url}"' in html
    assert "Left empty, the present one stays." in html
    follow(privacy, FORM, **filled(partner, secret="", concurrency="5", is_for_erasures_only="1"))
    endpoint = Endpoint.objects.get()
    assert (endpoint.concurrency, endpoint.is_for_erasures_only) == (5, True)
    Endpoint.objects.update(is_for_erasures_only=False)
    tell()
    assert deliver().accepted == 1


def test_mistakes_are_said_beside_their_fields_and_what_was_written_stays(
    partner: FakePartner, privacy: Client
) -> None:
    before = Endpoint.objects.get()
    response = privacy.post(
        FORM,
        filled(partner, url="https://10.0.0.1/<b>", secret="whsec_typed", concurrency="900"),
    )
    html = response.content.decode()
    assert response.status_code == 400
    assert "Nothing is saved yet." in html
    for field in ("url", "secret", "concurrency"):
        assert f'id="e-{field}"' in html
    assert "https://10.0.0.1/&lt;b&gt;" in html
    assert 'value="900"' in html
    assert '<option value="acknowledgement" selected>' in html
    assert "whsec_typed" not in html
    after = Endpoint.objects.get()
    assert (after.url, bytes(after.secret_sealed)) == (before.url, bytes(before.secret_sealed))


def test_another_host_needs_the_secret_again(partner: FakePartner, privacy: Client) -> None:
    with fake_partner() as elsewhere:
        for action in ("save", "test"):
            response = privacy.post(FORM, filled(elsewhere, secret="", action=action))
            assert response.status_code == 400
            assert "another address" in response.content.decode()
        assert elsewhere.requests == 0


def test_a_transport_of_an_api_is_set_with_its_settings(site_id: int, privacy: Client) -> None:
    html = text_of(privacy, f"{FORM}?transport=segment&lang=en")
    assert 'name="settings.source_id"' in html
    assert "user_id = consent-manager-test" in html
    wrong = privacy.post(
        FORM,
        {
            "lang": "en",
            "transport": "segment",
            "url": "https://api.segmentapis.com",
            "settings.source_id": "not an id",
            "secret": "sgp_a-token",
            "concurrency": "8",
        },
    )
    assert 'id="e-settings.source_id"' in wrong.content.decode()
    assert "sgp_a-token" not in wrong.content.decode()
    follow(
        privacy,
        FORM,
        **{
            "transport": "segment",
            "url": "https://api.segmentapis.com",
            "settings.source_id": "rh5BDZp6QDHvXFCkibm1pR",
            "secret": "sgp_a-token",
            "concurrency": "8",
        },
    )
    endpoint = Endpoint.objects.get()
    assert endpoint.settings == {"source_id": "rh5BDZp6QDHvXFCkibm1pR"}
    assert endpoint.confirms_by == ConfirmsBy.POLL
    shown = text_of(privacy, f"{PARTNER}?lang=en")
    assert "Twilio Segment" in shown
    assert "rh5BDZp6QDHvXFCkibm1pR" in shown


def test_a_certificate_of_many_lines_arrives_whole(site_id: int, privacy: Client) -> None:
    paper = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
    follow(
        privacy,
        FORM,
        **{
            "transport": "opendsr",
            "url": "https://dsr.adco.example",
            "settings.dialect": "opendsr2",
            "settings.auth": "bearer",
            # As browsers send it.
            "settings.certificate": paper.replace("\n", "\r\n"),
            "secret": "token\x00",
            "concurrency": "8",
        },
    )
    assert Endpoint.objects.get().settings["certificate"] == paper
    shown = text_of(privacy, FORM)
    assert "MIIB" in shown
    assert "token" not in re.sub(r"csrfmiddlewaretoken", "", shown)


def test_an_unknown_way_leads_to_the_choice_of_ways(site_id: int, privacy: Client) -> None:
    assert "どの方法で伝えますか" in text_of(privacy, f"{FORM}?transport=pigeon")
    response = privacy.post(FORM, {"transport": "pigeon"})
    assert "どの方法で伝えますか" in response.content.decode()
    assert not Endpoint.objects.exists()


def test_a_test_that_fails_says_why(partner: FakePartner, privacy: Client) -> None:
    partner.answering = lambda _: Say(status=500, body=b'{"access_token": "leaked"}')
    response = privacy.post(FORM, filled(partner, action="test", secret="", lang="ja"))
    html = response.content.decode()
    assert "届いていません" in html
    assert "HTTP 500" in html
    assert MASK in html
    assert "leaked" not in html
    assert not OutboxEvent.objects.exists()


def test_what_somebody_else_is_shown_is_not_remembered(
    partner: FakePartner, privacy: Client
) -> None:
    set_endpoint(partner, secret=SECRET)
    response = privacy.post(FORM, filled(partner, action="test", secret=""))
    assert response["Cache-Control"] == "private, no-store"
    assert settings.SECRET_KEY not in response.content.decode()
