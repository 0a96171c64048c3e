"""What a record says of the arm that was shown: which one, and how it asked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.conf import settings

from tests.factories.clock import NOW
from tests.factories.registry import ORIGIN, SITE
from tracking.consents import operations as consents
from tracking.consents.models import ConsentRecord
from tracking.consents.types import DeviceClass, Method, Submission, Surface, Visit
from tracking.experiments import operations
from tracking.experiments.types import Arm
from tracking.lib.short_memory import forget_everything
from tracking.notices.types import Notice

pytestmark = pytest.mark.django_db

REFUSAL = Submission(
    site=SITE, notice=1, idempotency_key="k" * 22, client_seq=1_700_000_000_001,
    method=Method.REFUSE, surface=Surface.CARD, language="ja", gpc=False,
    granted=frozenset(), refused=frozenset(),
)  # fmt: skip
VISIT = Visit(origin=ORIGIN, device_token=None, place=None, device_class=DeviceClass.PHONE)


@pytest.fixture
def _running(notice: Notice) -> None:
    draft = operations.create_experiment(
        site_code=SITE, code="place", name="Place", author="mina", now=NOW
    )
    draft = operations.save_draft(
        site_code=SITE,
        code="place",
        plan=draft.plan,
        arms=[
            Arm(code="a", share=50, wording={}),
            Arm(code="b", share=50, wording={}, presentation="card"),
        ],
        revision=draft.revision,
        author="mina",
        now=NOW,
    )
    operations.start(site_code=SITE, code="place", revision=draft.revision, author="pia", now=NOW)
    forget_everything()


@pytest.mark.parametrize(
    ("variant", "presentation"),
    [("place:b", "card"), ("place:a", "bar"), ("", "bar"), ("place:z", "bar")],
)
@pytest.mark.usefixtures("_running")
def test_a_record_holds_arm_and_presentation(variant: str, presentation: str) -> None:
    consents.record_consent(
        submission=replace(REFUSAL, variant=variant),
        visit=VISIT,
        keys=settings.CONSENT_KEYS,
        now=NOW,
    )
    record = ConsentRecord.objects.get()
    # So a showing of this arm and its answer are counted as one person.
    assert (record.variant, record.presentation) == (variant, presentation)
