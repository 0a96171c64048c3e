"""What the page's script carries while a site compares ways to ask, and where nothing of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tests.factories.clock import NOW
from tests.factories.registry import SITE
from tests.served_script import config_in
from tracking.banner import queries
from tracking.experiments import operations
from tracking.experiments import queries as experiments
from tracking.experiments.types import Arm
from tracking.lib.short_memory import forget_everything
from tracking.notices import operations as notices
from tracking.notices.queries import find_current
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

TITLE = {"ja": {"banner_title": "外部の会社に送ってよいですか"}}


def served(query: str = "") -> tuple[dict[str, Any], str]:
    forget_everything()
    answer = Client().get(f"/b/{SITE}.js{query}")
    assert answer["Cache-Control"].startswith("public, max-age=60")
    assert "Cookie" not in answer["Vary"]
    return config_in(answer.content), answer.content.decode()


@pytest.fixture
def running(notice: Notice) -> None:
    draft = operations.create_experiment(
        site_code=SITE, code="title", name="Title", author="mina", now=NOW
    )
    draft = operations.save_draft(
        site_code=SITE,
        code="title",
        plan=draft.plan,
        arms=[
            Arm(code="a", share=40, wording={}),
            Arm(code="b", share=30, wording=TITLE),
            Arm(code="c", share=30, wording={}, presentation="card"),
        ],
        revision=draft.revision,
        author="mina",
        now=NOW,
    )
    operations.start(site_code=SITE, code="title", revision=draft.revision, author="pia", now=NOW)


def test_without_an_experiment_the_script_knows_of_none(notice: Notice) -> None:
    config, script = served()
    assert "experiment" not in config
    assert "cm_arm" not in script


def test_a_draft_is_shown_to_nobody(notice: Notice) -> None:
    before = served()
    operations.create_experiment(site_code=SITE, code="title", name="Title", author="mina", now=NOW)
    assert served() == before


def test_it_carries_what_differs_and_the_part_that_chooses(running: None) -> None:
    config, script = served()
    a, b, c = config["experiment"]["arms"]
    assert a == {"code": "a", "share": 40}
    assert b == {"code": "b", "share": 30, "wording": TITLE}
    assert (c["code"], c["presentation"]) == ("c", "card")
    assert c["styles"].startswith(queries._dist("card.css"))
    assert config["experiment"]["code"] == "title"
    assert config["experiment"]["until"] == int((NOW + timedelta(days=14)).timestamp())
    # What is published stays what is shown without it; the part runs before what reads that.
    assert config["presentation"] == "bar"
    assert config["wording"]["ja"]["banner_title"] != TITLE["ja"]["banner_title"]
    assert script.index("cm_arm") < script.index(queries._dist("loader.js"))


def test_a_script_in_one_language_has_the_arms_in_that_one(running: None) -> None:
    config, _ = served("?lang=en")
    assert "wording" not in config["experiment"]["arms"][1]


def test_stopping_takes_it_away(running: None) -> None:
    operations.stop(site_code=SITE, code="title", author="pia", now=NOW)
    config, script = served()
    assert "experiment" not in config
    assert "cm_arm" not in script


def test_another_notice_takes_it_away(running: None) -> None:
    notices.publish_notice_version(
        site_code=SITE, wording={"en": {"banner_title": "May we send?"}}, author="x", now=NOW
    )
    assert "experiment" not in served()[0]


def test_a_newer_notice_is_never_shown_with_older_words(running: None) -> None:
    forget_everything()
    # What a process remembers for two seconds may be of two moments.
    assert experiments.find_running(site_code=SITE, now=NOW) is not None
    notices.publish_notice_version(
        site_code=SITE, wording={"en": {"banner_title": "May we send?"}}, author="x", now=NOW
    )
    find_current.forget()
    script = queries.get_script(site_code=SITE, place=None, now=NOW)
    assert config_in(script.plain)["notice"] == 2
    assert "experiment" not in config_in(script.plain)


def test_a_pinned_script_never_carries_one(running: None) -> None:
    forget_everything()
    pinned = queries.get_script(
        site_code=SITE, place=None, now=NOW, is_pinned=True, endpoint="https://service.example"
    )
    assert b"cm_arm" not in pinned.plain
    assert "experiment" not in config_in(pinned.plain)


def test_pages_without_the_script_show_what_is_published(running: None, client: Client) -> None:
    answer = client.get("/v1/bootstrap", {"site": SITE, "language": "ja"})
    assert answer.status_code == 200
    assert answer.json()["wording"]["banner_title"] != TITLE["ja"]["banner_title"]


def test_the_preview_of_an_arm_asks_as_the_arm_does(notice: Notice) -> None:
    text = queries.get_preview(
        site_code=SITE,
        notice=replace(notice, content={**notice.content}),
        language="ja",
        endpoint="https://service.example",
        now=NOW,
        presentation="dialog",
    )
    assert config_in(text)["presentation"] == "dialog"
