"""The first decisions of a browser that has no device token yet are one device's."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connections
from django.test import Client

from tests.factories.registry import SITE, make_site
from tests.visitors import Visitor, maps
from tracking.consents.models import ConsentPrivate, ConsentRecord, Device
from tracking.lib import device_token
from tracking.notices.types import Notice
from tracking.outbox.models import OutboxEvent

pytestmark = pytest.mark.django_db

NOTHING: frozenset[str] = frozenset()


class FirstVisit(Visitor):
    """A browser that names its seed until it was answered, and may hold what it sends back."""

    seed: str = ""

    def body(self, method: str, **fields: Any) -> dict[str, Any]:
        self.seed = self.seed or secrets.token_hex(16)
        return super().body(method, **{"device_seed": self.seed, **fields})

    def grant(self, **fields: Any) -> dict[str, Any]:
        return self.body("allow", **maps(self.notice.asked_ids, NOTHING), **fields)

    def refusal(self, **fields: Any) -> dict[str, Any]:
        return self.body("refuse", **fields)

    def send(self, body: dict[str, Any], **extra: Any) -> Any:
        return self.post("/v1/consents", body, **extra)

    def send_late(self, body: dict[str, Any], **cookies: str) -> Any:
        """Deliver a request that left with the cookies of its time; its answer's arrive now."""
        sender = Visitor(self.notice)
        sender.client.cookies.load(cookies)
        answer = sender.post("/v1/consents", body)
        self.client.cookies.update(answer.cookies)
        return answer

    def current(self) -> Any:
        return self.get(f"/v1/consents/current?site={SITE}").json()["choices"]

    @property
    def token(self) -> str:
        return str(self.client.cookies["cm_device"].value)


@pytest.fixture
def browser(notice: Notice) -> FirstVisit:
    return FirstVisit(notice)


def serial(token: str, settings: Any) -> int:
    read = device_token.verify(token, keys=settings.CONSENT_KEYS)
    assert read is not None
    return read.serial


def test_a_late_grant_without_a_token_does_not_overtake_the_refusal(
    browser: FirstVisit,
) -> None:
    late, refusal = browser.grant(), browser.refusal()
    refused = browser.send(refusal)

    answer = browser.send_late(late)

    assert (refused.status_code, answer.status_code) == (201, 201)
    assert Device.objects.count() == 1
    assert answer.json()["choices"] == refused.json()["choices"]
    assert answer.cookies["cm_choices"].value == refused.cookies["cm_choices"].value
    assert browser.current()["granted"] == []
    assert browser.gate("ads")["ads"]["reason"] == "partner_refused"
    assert list(
        ConsentRecord.objects.order_by("recorded_at").values_list("method", "is_superseded")
    ) == [("refuse", False), ("allow", True)]


def test_answers_that_arrive_in_the_wrong_order_leave_the_same_device(
    browser: FirstVisit,
) -> None:
    granted = browser.send(browser.grant())
    browser.client.cookies.clear()
    browser.send(browser.refusal())

    browser.client.cookies["cm_device"] = granted.cookies["cm_device"].value

    assert browser.current()["granted"] == []
    assert Device.objects.count() == 1


def test_the_same_first_decision_sent_again_returns_the_token(browser: FirstVisit) -> None:
    body = browser.grant()
    browser.send(body)
    browser.client.cookies.clear()

    again = browser.send(body)

    assert again.status_code == 200
    assert Device.objects.count() == 1
    assert set(browser.current()["granted"]) == browser.notice.asked_ids


def test_the_seed_grants_as_long_as_no_token_was_used(browser: FirstVisit) -> None:
    browser.send(browser.refusal())
    browser.client.cookies.clear()

    answer = browser.send(browser.grant())

    assert answer.status_code == 201
    assert Device.objects.get().serial == 1
    assert ConsentRecord.objects.filter(prior="again").count() == 1
    assert set(browser.current()["granted"]) == browser.notice.asked_ids


def test_a_replayed_decision_returns_the_token_to_its_seed_after_a_late_one(
    browser: FirstVisit,
) -> None:
    late, refusal = browser.grant(), browser.refusal()
    browser.send(refusal)
    browser.client.cookies.clear()
    Visitor(browser.notice).post("/v1/consents", late)

    assert browser.send(refusal).status_code == 200

    assert browser.current()["granted"] == []


def test_a_key_without_its_seed_opens_nothing_after_a_later_decision(browser: FirstVisit) -> None:
    refusal = browser.refusal()
    browser.send(refusal)
    browser.client.cookies.clear()
    browser.send(browser.grant())
    thief = FirstVisit(browser.notice)
    del refusal["device_seed"]

    answer = thief.send(refusal)

    assert answer.status_code == 200
    assert "cm_device" not in answer.cookies


def test_after_a_decision_with_a_token_the_seed_refuses_and_no_more(
    browser: FirstVisit,
) -> None:
    browser.send(browser.grant())
    browser.send(browser.grant())
    token = browser.token

    granting = browser.send_late(browser.grant())

    assert granting.status_code == 403
    assert granting.json()["code"] == "seed_refused"
    assert not granting.cookies
    assert browser.token == token
    assert set(browser.current()["granted"]) == browser.notice.asked_ids

    refusing = browser.send_late(browser.refusal())

    assert refusing.status_code == 201
    assert "cm_device" not in refusing.cookies
    assert Device.objects.count() == 1
    assert browser.current()["granted"] == []


def test_a_late_first_grant_changes_nothing_after_a_decision_with_a_token(
    browser: FirstVisit, settings: Any
) -> None:
    late = browser.grant()
    browser.send(browser.grant())
    browser.send(browser.refusal())
    assert serial(browser.token, settings) == 2

    answer = browser.send_late(late)

    assert answer.status_code == 201
    assert "cm_device" not in answer.cookies
    assert answer.json()["choices"]["granted"] == []
    assert browser.current()["granted"] == []
    assert Device.objects.count() == 1


def test_a_late_grant_with_an_outdated_token_takes_no_token_away(browser: FirstVisit) -> None:
    browser.send(browser.refusal())
    old = browser.token
    late = browser.grant()
    browser.send(browser.refusal())

    answer = browser.send_late(late, cm_device=old)

    assert answer.status_code == 201
    assert "cm_device" not in answer.cookies
    assert browser.current()["granted"] == []


def test_a_lost_answer_is_made_up_for_after_a_late_grant(browser: FirstVisit) -> None:
    browser.send(browser.grant())
    old = browser.token
    late, refusal = browser.grant(), browser.refusal()
    browser.send(refusal)
    browser.send_late(late, cm_device=old)
    browser.client.cookies["cm_device"] = old

    browser.send(refusal)

    assert browser.current()["granted"] == []


def test_an_outdated_token_cannot_fetch_the_newest_by_sending_twice(notice: Notice) -> None:
    attacker, victim = Visitor(notice), Visitor(notice)
    attacker.refuse()
    victim.client.cookies["cm_device"] = attacker.client.cookies["cm_device"].value
    victim.allow()
    body = attacker.body("choose", partners={"adco": False})

    answers = [attacker.post("/v1/consents", body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert all("cm_device" not in answer.cookies for answer in answers)
    assert victim.get(f"/v1/consents/current?site={SITE}").json()["choices"] is not None


def test_a_superseded_decision_with_the_newest_token_is_answered_with_a_newer(
    browser: FirstVisit, settings: Any
) -> None:
    browser.send(browser.refusal())

    answer = browser.send({**browser.grant(), "client_seq": 5})

    assert answer.json()["choices"]["granted"] == []
    assert serial(browser.token, settings) == Device.objects.get().serial == 2


def test_a_believed_token_wins_over_the_seed(browser: FirstVisit) -> None:
    browser.send(browser.refusal())
    browser.seed = secrets.token_hex(16)

    browser.send(browser.grant())

    assert Device.objects.count() == 1


def test_a_token_that_is_not_believed_leaves_the_decision_to_the_seed(
    browser: FirstVisit,
) -> None:
    browser.send(browser.refusal())
    late = browser.grant(client_seq=5)

    assert browser.send_late(late, cm_device="planted").status_code == 201

    assert Device.objects.count() == 1


def test_a_token_whose_device_is_gone_leaves_the_decision_to_the_seed(
    browser: FirstVisit,
) -> None:
    browser.send(browser.refusal())
    token = browser.token
    ConsentPrivate.objects.all().delete()
    Device.objects.all().delete()
    browser.seed = secrets.token_hex(16)
    late = browser.grant()
    browser.send(browser.refusal())

    browser.send_late(late, cm_device=token)

    assert Device.objects.count() == 1
    assert browser.current()["granted"] == []


def test_the_seed_of_another_site_or_browser_is_another_device(browser: FirstVisit) -> None:
    browser.send(browser.grant())
    other = FirstVisit(browser.notice)

    other.send(other.refusal())

    assert Device.objects.count() == 2
    assert set(browser.current()["granted"]) == browser.notice.asked_ids


def test_a_replay_does_not_lead_a_browser_back_to_an_older_device(browser: FirstVisit) -> None:
    old = browser.grant()
    browser.send(old)
    receipt = browser.get(f"/v1/consents?site={SITE}").json()["records"][0]
    browser.client.cookies.clear()
    browser.seed = secrets.token_hex(16)
    refused = browser.send(browser.refusal())
    token = browser.token

    answer = browser.send(old)

    assert answer.status_code == 200
    assert answer.json()["receipt"] == receipt
    assert answer.json()["choices"] == refused.json()["choices"]
    assert answer.cookies["cm_choices"].value == refused.cookies["cm_choices"].value
    assert browser.token == token
    assert browser.current()["granted"] == []


def test_a_replay_tells_an_outdated_token_of_another_device_only_refusals(
    browser: FirstVisit,
) -> None:
    other = FirstVisit(browser.notice)
    own = other.refusal()
    other.send(own)
    browser.send(browser.grant())
    outdated = browser.token
    browser.send(browser.grant())

    answer = other.send_late(own, cm_device=outdated)

    assert answer.json()["choices"]["granted"] == []
    assert "cm_device" not in answer.cookies


def test_a_page_on_another_site_has_one_device_too(browser: FirstVisit) -> None:
    late, refusal = browser.grant(), browser.refusal()
    first = browser.send(refusal, headers={"X-Consent-Device": "new"})

    second = browser.send(late, headers={"X-Consent-Device": "new"})

    for answer in (first, second):
        current = Client().get(
            f"/v1/consents/current?site={SITE}",
            headers={"X-Consent-Device": answer.json()["device_token"]},
        )
        assert current.json()["choices"]["granted"] == []
    assert Device.objects.count() == 1


def test_the_seed_is_not_kept(browser: FirstVisit, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    browser.send(browser.grant())
    browser.send(browser.refusal(device_seed=browser.seed, notice=99))

    rows = [
        str(row)
        for model in apps.get_models()
        if model._meta.app_label == "consents" or model is OutboxEvent
        for row in model._default_manager.values()
    ]

    assert len(rows) > 2
    assert browser.seed not in " ".join(rows) + caplog.text


@pytest.mark.parametrize(
    "seed", ["", "a" * 31, "a" * 33, "A" * 32, "g" * 32, "a" * 31 + "\n", "０" * 32, None, 7, []]
)
def test_a_seed_that_is_not_one_is_refused(browser: FirstVisit, seed: Any) -> None:
    answer = browser.send(browser.refusal(device_seed=seed))

    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {"device_seed"}
    assert Device.objects.count() == 0


# --- at the same moment, on connections of their own


def at_once(*sends: Callable[[], Any]) -> list[Any]:
    answers: list[Any] = []
    start = threading.Barrier(len(sends))

    def run(send: Callable[[], Any]) -> None:
        try:
            start.wait()
            answers.append(send())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[send]) for send in sends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["grant", "refusal"])
def test_a_first_decision_that_waits_for_another_is_the_same_devices_second(
    first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look before either writes: the second write must not be made from nothing."""
    from tracking.consents import queries

    browser = FirstVisit(make_site())
    bodies = {"grant": browser.grant(), "refusal": browser.refusal()}
    second = "refusal" if first == "grant" else "grant"
    both_looked, first_is_done = threading.Barrier(2), threading.Event()
    look = queries.find_sender
    looked = threading.local()

    def look_together(**what: Any) -> queries.Sender:
        sender = look(**what)
        if not getattr(looked, "once", False):
            looked.once = True
            both_looked.wait(60)
            if looked.name == second:
                assert first_is_done.wait(60)
        return sender

    monkeypatch.setattr(queries, "find_sender", look_together)

    def send(name: str) -> Any:
        looked.name = name
        answer = Visitor(browser.notice).post("/v1/consents", bodies[name])
        if name == first:
            first_is_done.set()
        return answer

    answers = at_once(lambda: send("grant"), lambda: send("refusal"))

    assert [answer.status_code for answer in answers] == [201, 201]
    assert Device.objects.count() == 1
    device = Device.objects.get()
    assert device.granted == NOTHING
    assert {browser.notice.ids[number] for number in device.refused} == browser.notice.asked_ids
    assert ConsentPrivate.objects.filter(previous_key=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_first_decisions_at_once_are_one_device() -> None:
    browser = FirstVisit(make_site())
    grants, refusal = [browser.grant() for _ in range(5)], browser.refusal()
    bodies = [*grants, refusal] * 2

    def sender(body: dict[str, Any]) -> Callable[[], Any]:
        def send() -> Any:
            answer = Visitor(browser.notice).post("/v1/consents", body)
            while answer.status_code == 503:  # as a browser would
                answer = Visitor(browser.notice).post("/v1/consents", body)
            return answer

        return send

    answers = at_once(*(sender(body) for body in bodies))

    assert sorted(answer.status_code for answer in answers) == [200] * 6 + [201] * 6
    assert Device.objects.count() == 1
    assert Device.objects.get().granted == NOTHING
    assert ConsentRecord.objects.count() == 6
