"""What the clock asks for, somebody does."""

from __future__ import annotations

from consentmgr.celery import app


def test_every_chore_of_the_schedule_is_a_task() -> None:
    app.loader.import_default_modules()

    missing = {entry["task"] for entry in app.conf.beat_schedule.values()} - set(app.tasks)
    assert not missing
