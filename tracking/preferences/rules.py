"""What a form of the preference pages decides. Pure."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from tracking.consents.types import Choices, Method, Surface
from tracking.gate import rules as gate
from tracking.gate.types import Reason
from tracking.notices.types import Notice
from tracking.preferences.types import (
    Act,
    Answer,
    View,
    Visit,
)
from tracking.regimes.types import Regime
from tracking.registry.types import Presentation

_DAY_SECONDS = 86_400
_UNANSWERED = frozenset({Reason.NO_CHOICE, Reason.NEEDS_RENEWAL})
_REFUSED = frozenset({Reason.PARTNER_REFUSED, Reason.PURPOSE_REFUSED, Reason.DATA_ITEM_REFUSED})
_LONGEST_ADDRESS = 2000


def read_answer(
    *, act: Act, ticked: Iterable[str], tag_code: str, notice: Notice, choices: Choices | None
) -> Answer | None:
    """
    Return what a form decides, or None if it says nothing that can be recorded.

    Saving answers every choice that the page offers: what is not ticked is refused. Ticks of
    choices that the notice does not ask about are passed over, because a forged one must not keep
    a refusal beside it from being recorded.
    """
    asked = notice.asked_ids
    nothing: frozenset[str] = frozenset()
    if act is Act.REFUSE:
        return Answer(method=Method.REFUSE, granted=nothing, refused=nothing)
    if act is Act.ALLOW:
        return Answer(method=Method.ALLOW, granted=asked, refused=nothing) if asked else None
    if act in {Act.SAVE, Act.ADD}:
        granted = asked & frozenset(ticked)
        refused = asked - granted if act is Act.SAVE else nothing
        if not granted | refused:
            return None
        return Answer(method=Method.CHOOSE, granted=granted, refused=refused)
    tag = notice.terms.tags.get(tag_code)
    if tag is None or tag.is_exempt:
        return None
    if act is Act.TAG_ON:
        return Answer(method=Method.CHOOSE, granted=frozenset(tag.needed_ids), refused=nothing)
    return Answer(
        method=Method.CHOOSE if choices is None else Method.WITHDRAW,
        granted=nothing,
        refused=frozenset({f"partner:{tag.partner}"}),
    )


def idempotency_key(*, form_key: str, answer: Answer, notice: int) -> str:
    """
    Return the key under which a form's answer is recorded once.

    It covers the answer too: a form that was sent, gone back to and sent with other ticks is
    another decision, which must not be mistaken for a repeat of the first.
    """
    return _digest(form_key, str(notice), answer.method.value, *sorted(answer.granted), "|",
                   *sorted(answer.refused))  # fmt: skip


def erasure_idempotency_key(*, form_key: str, device_token: str | None) -> str:
    """
    Return the key under which an erasure is done once.

    It covers the token: a form that is gone back to after a new decision speaks of a new device.
    """
    return _digest(form_key, "erasure", device_token or "")


def read_key(text: str) -> UUID | None:
    """Return a key that an address names, or None for what cannot be one."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _digest(*parts: str) -> str:
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def read_view(text: str) -> View:
    """Return the tab that the address names, else the first."""
    return next((view for view in View if view == text), View.PURPOSES)


def read_act(text: str) -> Act | None:
    """Return the button that was pressed, or None for one that we do not have."""
    return next((act for act in Act if act == text), None)


def has_question(
    *,
    notice: Notice,
    regime: Regime,
    choices: Choices | None,
    overdue: Collection[str],
    now: datetime,
) -> bool:
    """
    Say whether there is something to ask: never decided, something new or expired, or a refusal
    that is old enough. Twin of `shouldAsk` in static/src/core/state.ts.
    """
    if choices is None:
        return bool(notice.asked_ids)
    moment = int(now.timestamp())
    is_old = moment >= choices.decided_at + regime.renew_days_refused * _DAY_SECONDS
    asks = _UNANSWERED | _REFUSED if is_old else _UNANSWERED
    return any(
        gate.decide(
            tag_code=code,
            terms=notice.terms,
            regime=regime,
            choices=choices,
            # Without the signal and the notice, which would hide that an answer is missing.
            gpc=False,
            shown_notice=None,
            overdue=overdue,
            now=moment,
        ).reason
        in asks
        for code in notice.terms.tags
    )


def standing_choices(
    *, choices: Choices | None, notice: Notice, regime: Regime, gpc: bool
) -> Choices | None:
    """
    Return the choices without the grants that a browser's signal keeps shut, so that switches show
    what holds. Twin of `isStanding` in static/src/core/apply.ts.
    """
    if choices is None or not gpc or choices.with_signal or regime.signal_grant_outlives:
        return choices
    signalled = gate.list_signalled_ids(natures=notice.terms.natures, regime=regime)
    return replace(choices, granted=choices.granted.difference(signalled))


def is_signal_applied(
    *, standing: Choices | None, notice: Notice, regime: Regime, gpc: bool
) -> bool:
    """Say whether a browser's signal is what holds: sent, and no later grant against it."""
    signalled = gate.list_signalled_ids(natures=notice.terms.natures, regime=regime)
    return gpc and (standing is None or standing.granted.isdisjoint(signalled))


def imagine_choices(*, notice: Notice, visit: Visit, now: datetime) -> Choices | None:
    """Return the choices of a visitor who answered everything a moment ago, or nothing yet."""
    if visit in (Visit.FIRST, Visit.SHOWN):
        return None
    everything, nothing = notice.asked_ids, frozenset[str]()
    has_allowed = visit is Visit.ALLOWED
    return Choices(
        granted=everything if has_allowed else nothing,
        refused=nothing if has_allowed else everything,
        decided_at=int(now.timestamp()),
        notice=notice.number,
        with_signal=False,
        seq=1,
    )


def frame_surface(presentation: Presentation) -> Surface | None:
    """Return how a frame asks: a modal dialog needs a script, and a site with a link never asks."""
    if presentation is Presentation.LINK:
        return None
    return Surface.CARD if presentation is Presentation.CARD else Surface.BAR


def read_surface(text: str) -> Surface:
    """Return the layout that a form says it was sent from."""
    return Surface.CARD if text == Surface.CARD else Surface.BAR


def read_back(*, address: str, origins: Collection[str]) -> str:
    """Return the page of the site that a form was framed in, or "" for any other address."""
    if not (address.isascii() and address.isprintable()) or len(address) > _LONGEST_ADDRESS:
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if f"{parts.scheme}://{parts.netloc}" in origins else ""
