"""The public API against its own schema, with inputs that nobody thought of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.factories.registry import ORIGIN, make_site
from tests.factories.registry import SITE as CODE

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 30


def attack(operation: Any) -> Callable[[], None]:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: schemathesis.Case) -> None:
        # In-process answers are taken as they come, compressed ones too.
        case.headers = {**(case.headers or {}), "Origin": ORIGIN, "Accept-Encoding": "identity"}
        # Past the door: name the site that exists where any is named.
        if case.query and "site" in case.query:
            case.query["site"] = CODE
        if isinstance(case.body, dict) and isinstance(case.body.get("site"), str):
            case.body["site"] = CODE
        case.call_and_validate(checks=CHECKS)

    return run


@pytest.mark.django_db(transaction=True)
def test_every_answer_is_one_that_the_schema_promises() -> None:
    make_site()
    # Not `consentmgr.wsgi`, which makes its process one that watches its database.
    application = get_wsgi_application()
    schema = schemathesis.openapi.from_wsgi("/v1/schema/?format=json", application)
    operations = [result.ok() for result in schema.get_all_operations()]

    for operation in operations:
        attack(operation)()

    assert len(operations) >= 14
