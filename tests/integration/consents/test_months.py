"""Monthly tables, made ahead, and made without the right to make tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from tests.visitors import Visitor
from tracking.consents import operations
from tracking.consents.models import ConsentRecord

pytestmark = pytest.mark.django_db


def test_the_coming_months_are_made_once() -> None:
    november = datetime(2031, 11, 22, tzinfo=UTC)

    made = operations.make_months(now=november)

    assert made == [
        "consents_consentrecord_2031_11",
        "consents_consentrecord_2031_12",
        "consents_consentrecord_2032_01",
        "consents_consentrecord_2032_02",
    ]
    assert operations.make_months(now=november) == made


def test_a_record_lies_in_its_month(visitor: Visitor) -> None:
    visitor.refuse()

    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM consents_consentrecord")
        table = cursor.fetchone()[0]

    assert table == ConsentRecord.objects.get().recorded_at.strftime("consents_consentrecord_%Y_%m")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consents_consentrecord SET method = 'allow'",
        "DELETE FROM consents_consentrecord",
        "TRUNCATE consents_consentrecord CASCADE",
        "ALTER TABLE consents_consentrecord DISABLE TRIGGER ALL",
        "DROP TRIGGER consents_append_only ON consents_consentrecord",
        "DELETE FROM notices_noticeversion",
        "UPDATE gate_exceptionuse SET at = now()",
        "DELETE FROM gate_exceptionuse",
        "ALTER TABLE consents_keptprovision DISABLE TRIGGER ALL",
        "DROP FUNCTION consents_guard_provision() CASCADE",
        "SET session_replication_role = replica",
    ],
)
def test_the_services_own_role_cannot_touch_evidence(visitor: Visitor, statement: str) -> None:
    from consentmgr.grants import grant_to_app_role

    visitor.refuse()
    grant_to_app_role(using="default", role="consent_app")

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE consent_app")
        operations.make_months(now=datetime(2033, 1, 1, tzinfo=UTC))
        cursor.execute("SELECT count(*) FROM consents_consentrecord")
        assert cursor.fetchone()[0] == 1
        with pytest.raises(DatabaseError), transaction.atomic():
            cursor.execute(statement)
