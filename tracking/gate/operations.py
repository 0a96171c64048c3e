"""The only writes of the gate: an answer that an exception opened is a row."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import Error as DatabaseError
from psycopg_pool import PoolTimeout

from tracking.gate import models, queries
from tracking.gate.queries import Asking, Decisions, Keys, StrippedPayload
from tracking.gate.types import Decision, Reason

logger = logging.getLogger(__name__)


def answer_tags(
    *, site_code: str, tag_codes: Sequence[str], asking: Asking, keys: Keys, now: datetime
) -> Decisions:
    """
    Decide for many tags of one device, and keep each use of an exception, without the device.

    What cannot be kept is denied. Never raises for what a visitor can send.
    """
    decided = queries.decide_tags(
        site_code=site_code, tag_codes=tag_codes, asking=asking, keys=keys, now=now
    )
    if decided.site_id is None or not decided.exceptions:
        return decided
    try:
        models.ExceptionUse.objects.bulk_create(
            models.ExceptionUse(at=now, site_id=decided.site_id, exception_id=exception)
            for exception in decided.exceptions.values()
        )
    except (DatabaseError, PoolTimeout) as error:
        logger.error("an exception's use cannot be kept: %s", type(error).__name__)
        shut = dict.fromkeys(decided.exceptions, Decision(allowed=False, reason=Reason.DOUBT))
        return replace(decided, by_tag={**decided.by_tag, **shut}, exceptions={})
    return decided


def answer_payload(
    *,
    site_code: str,
    tag_code: str,
    payload: Mapping[str, object],
    asking: Asking,
    keys: Keys,
    now: datetime,
) -> StrippedPayload:
    """
    Return an event without what this device withholds or the tag never declared.

    :raises TagDenied: with the reason in `fields["reason"]`
    """
    decided = answer_tags(
        site_code=site_code, tag_codes=[tag_code], asking=asking, keys=keys, now=now
    )
    return queries.strip_payload(
        site_code=site_code, tag_code=tag_code, payload=payload, decision=decided.by_tag[tag_code]
    )
