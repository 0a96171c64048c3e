"""What PostgreSQL keeps from being changed, the service's own role may not change either."""

from __future__ import annotations

import pytest
from django.db import connection

from consentmgr.grants import EVIDENCE


@pytest.mark.django_db
def test_the_services_role_may_change_no_table_that_is_append_only() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE t.tgname LIKE '%append_only' AND NOT c.relispartition"
        )
        guarded = {name for (name,) in cursor.fetchall()}
    assert len(guarded) >= 8
    # Its trigger has one named way out, which the service's own role has to use.
    assert guarded - set(EVIDENCE) <= {"consents_keptprovision"}
    assert set(EVIDENCE) <= guarded
