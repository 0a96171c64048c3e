"""The only write of the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from tracking.audit import models


def append(
    *,
    actor: str,
    action: str,
    now: datetime,
    site: str = "",
    object: str = "",
    details: Mapping[str, Any] | None = None,
) -> None:
    """
    Keep who did what. Runs inside the transaction of the act: both are kept, or neither.

    `actor` is the name of an account, or `types.COMMAND_LINE`; `action` a stable code such as
    endpoint.paused; `details` JSON without secrets.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("audit.append belongs in the transaction of the act.")
    models.Entry.objects.create(
        at=now, actor=actor, action=action, site=site, object=object, details=dict(details or {})
    )
