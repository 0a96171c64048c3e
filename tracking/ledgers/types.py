"""What the ledgers' page shows, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from tracking.consents.types import Recipient
from tracking.gate.types import ExceptionUses
from tracking.registry.types import EntrustmentInfo, ExceptionInfo, ServerTag

# The right to read the ledgers and to take them out of the house.
PERMISSION = "consents.view_keptprovision"
# The right to approve and to end an exception.
APPROVE_PERMISSION = "registry.add_lawfulexception"


class ContractState(StrEnum):
    """How an entrustment stands, the worst first."""

    MISSING = "missing"
    OVERDUE = "overdue"
    UNDATED = "undated"
    FINE = "fine"


class ExceptionState(StrEnum):
    LIVE = "live"
    ENDED = "ended"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledgers:
    """Everything but the provisions of a site."""

    entrustments: tuple[tuple[EntrustmentInfo, ContractState], ...]
    exceptions: tuple[tuple[ExceptionInfo, ExceptionState, ExceptionUses | None], ...]
    exceptable: tuple[ServerTag, ...]
    recipients: tuple[Recipient, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Days, both included; None = open."""

    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerCount:
    """
    How many devices a partner could receive something of, and how many lines are kept past
    erasures; None = some, but fewer than may be told of.
    """

    partner: str
    devices: int | None
    kept: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionForm:
    """What was written into the form, and the codes of what is wrong with it, by field."""

    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, object] = field(default_factory=dict)
