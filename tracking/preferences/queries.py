"""What the two pages read: one look at the notice and the device, then rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tracking.consents import provision_queries
from tracking.consents import queries as consents
from tracking.consents.types import Choices, DeliveryStatus, Receipt
from tracking.gate import queries as gate
from tracking.gate import rules as gate_rules
from tracking.gate.types import Decision
from tracking.lib import impression
from tracking.lib.languages import negotiate
from tracking.notices import history, look
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.preferences import page, rules, transmission_copy, transmission_page
from tracking.preferences.types import (
    ErasurePage,
    FirstLayer,
    Frame,
    Imagined,
    PreferencePage,
    Reader,
    Simulation,
    TransmissionPage,
    Visit,
)
from tracking.regimes import rules as regimes
from tracking.regimes.types import CountryMethod, Regime
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo
from tracking.scans import queries as scans

Keys = Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormBasis:
    """
    What a sent form is read against: the notice that it was made from (None if there is no such
    version), this device's choices, the language, and the origins of the site's pages.
    """

    notice: Notice | None
    choices: Choices | None
    language: str
    origins: frozenset[str]


def get_form_basis(*, site_code: str, notice_number: int, reader: Reader, keys: Keys) -> FormBasis:
    """
    Return what a sent form is read against.

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    notice = notices.find_version(site_code=site.code, number=notice_number)
    languages = site.languages if notice is None else notice.content["languages"]
    return FormBasis(
        notice=notice,
        choices=consents.find_choices(
            site_code=site.code, token_text=_trusted_token(reader), keys=keys
        ),
        language=negotiate(reader.languages, languages),
        origins=site.origins,
    )


def get_preference_page(
    *, site_code: str, reader: Reader, saved_key: str, keys: Keys, now: datetime
) -> PreferencePage:
    """
    Return the preference centre for one device.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site.code)
    token = _trusted_token(reader)
    regime = _regime(site, reader, now)
    choices = rules.standing_choices(
        choices=consents.find_choices(site_code=site.code, token_text=token, keys=keys),
        notice=notice,
        regime=regime,
        gpc=reader.gpc,
    )
    receipts = consents.list_receipts(site_code=site.code, token_text=token, keys=keys)
    withdrawal = next((receipt for receipt in receipts if receipt.withdrawn), None)
    deliveries: Sequence[DeliveryStatus] = ()
    if withdrawal is not None:
        deliveries = consents.list_deliveries(
            site_code=site.code, key=withdrawal.key, token_text=token, keys=keys, now=now
        )
    return page.build_preference_page(
        frame=_frame(site, notice, reader),
        notice=notice,
        choices=choices,
        decisions=_decide_all(notice, reader, keys, now),
        receipts=receipts,
        received=provision_queries.list_own(
            site_code=site.code, token_text=token, keys=keys, now=now
        ),
        versions=_versions(notice, receipts),
        deliveries=deliveries,
        withdrawal_key="" if withdrawal is None else str(withdrawal.key),
        saved_key=saved_key,
        zone=site.zone,
        signal_note=_signal_note(notice, regime, reader, choices),
    )


def get_erasure_page(
    *, site_code: str, reader: Reader, key: UUID | None, keys: Keys, now: datetime
) -> ErasurePage:
    """
    Return the page of one erasure, or, without a key, the question whether to erase.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site.code)
    erased, is_gone = None, False
    if key is not None:
        try:
            erased = consents.get_erasure(site_code=site.code, key=key, now=now)
        except consents.UnknownErasure:
            is_gone = True
    choices = consents.find_choices(
        site_code=site.code, token_text=_trusted_token(reader), keys=keys
    )
    return page.build_erasure_page(
        frame=_frame(site, notice, reader),
        is_known=choices is not None,
        is_gone=is_gone,
        erased=erased,
        zone=site.zone,
    )


def make_form_key(*, site_code: str, keys: Keys, now: datetime) -> str:
    """
    Return a name for a form that is shown, by which what it sends is recorded once, and which
    proves that it was shown.

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    return impression.issue(site_id=site.id, issued_at=int(now.timestamp()), keys=keys)


def get_first_layer(
    *, site_code: str, reader: Reader, has_cookies: bool, keys: Keys, now: datetime
) -> FirstLayer:
    """
    Return the first layer for one device.

    `has_cookies` says that this device's cookies would have reached us. Where they would not, it
    cannot be known whether there is something to ask, and only the link to the settings is there.
    A link that takes the place of a question says what that would have said of the signal.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site.code)
    language = negotiate(reader.languages, notice.content["languages"])
    regime = _regime(site, reader, now)
    surface, signal_note = None, ""
    if has_cookies:
        choices = consents.find_choices(
            site_code=site.code, token_text=_trusted_token(reader), keys=keys
        )
        overdue = gate.list_overdue_partners(site_id=site.id)
        if rules.has_question(
            notice=notice, regime=regime, choices=choices, overdue=overdue, now=now
        ):
            surface = rules.frame_surface(
                regimes.presentation_in(regime=regime, wanted=site.presentation)
            )
            standing = rules.standing_choices(
                choices=choices, notice=notice, regime=regime, gpc=reader.gpc
            )
            signal_note = _signal_note(notice, regime, reader, standing)
    partners = {tag.partner for tag in notice.terms.tags.values() if not tag.is_exempt}
    words = regime.word(notices.get_wording(notice, language))
    return FirstLayer(
        site=site.code,
        language=language,
        wording={
            key: text.replace("{partners}", str(len(partners))) for key, text in words.items()
        },
        notice=notice.number,
        has_look=bool(notice.content.get("look")),
        surface=surface,
        origins=tuple(sorted(site.origins)),
        signal_note=signal_note,
    )


def get_look(*, site_code: str, notice_number: int) -> str:
    """
    Return a notice's look as a style sheet for our own pages.

    :raises NoNotice: if the site has no such version
    """
    notice = notices.find_version(site_code=site_code, number=notice_number)
    if notice is None:
        raise notices.NoNotice
    return look.style_sheet(notice.content.get("look"), selector=":root")


def get_transmission_page(
    *,
    site_code: str,
    reader: Reader,
    saved_key: str,
    saved_tag: str,
    keys: Keys,
    now: datetime,
) -> TransmissionPage:
    """
    Return the external-transmission page, with the state of each tag on one device.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site.code)
    token = _trusted_token(reader)
    regime = _regime(site, reader, now)
    choices = rules.standing_choices(
        choices=consents.find_choices(site_code=site.code, token_text=token, keys=keys),
        notice=notice,
        regime=regime,
        gpc=reader.gpc,
    )
    frame = _frame(site, notice, reader)
    saved = ""
    if saved_key:
        receipts = consents.list_receipts(site_code=site.code, token_text=token, keys=keys)
        receipt = next((receipt for receipt in receipts if str(receipt.key) == saved_key), None)
        if receipt is not None:
            saved = page.saved_message(frame=frame, receipt=receipt, choices=choices)
    return transmission_page.build_transmission_page(
        frame=frame,
        notice=notice,
        choices_granted=choices.granted if choices else frozenset(),
        decisions=_decide_all(notice, reader, keys, now),
        revisions=history.list_revisions(site_code=site.code),
        origins=site.origins,
        checked_on=scans.last_checked_on(site.code),
        zone=site.zone,
        now=now,
        saved=saved,
        saved_tag=saved_tag if saved else "",
        signal_note=_signal_note(notice, regime, reader, choices),
    )


# --- inside


def _trusted_token(reader: Reader) -> str | None:
    return None if reader.is_doubtful else reader.device_token


def _frame(site: SiteInfo, notice: Notice, reader: Reader) -> Frame:
    return page.make_frame(
        notice=notice,
        site_name=site.name,
        language=negotiate(reader.languages, notice.content["languages"]),
    )


def _decide_all(
    notice: Notice, reader: Reader, keys: Keys, now: datetime
) -> Mapping[str, Decision]:
    return gate.decide_tags(
        site_code=notice.site_code,
        tag_codes=list(notice.terms.tags),
        asking=gate.Asking(
            device_token=reader.device_token,
            gpc=reader.gpc,
            shown_notice=reader.shown_notice,
            place=reader.place,
            is_doubtful=reader.is_doubtful,
        ),
        keys=keys,
        now=now,
    ).by_tag


def _versions(notice: Notice, receipts: Sequence[Receipt]) -> dict[int, Notice]:
    found = {notice.number: notice}
    for receipt in receipts:
        if receipt.notice_number not in found:
            version = notices.find_version(site_code=notice.site_code, number=receipt.notice_number)
            if version is not None:
                found[version.number] = version
    return found


def list_regimes() -> Sequence[Regime]:
    """Return every regime, for a list of places."""
    return regimes.load_regimes()


def simulate(*, site_code: str, imagined: Imagined, now: datetime) -> Simulation:
    """
    Return what a visitor would get at this moment, without there being one.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site.code)
    place = regimes.read_place(imagined.place, method=CountryMethod.HEADER)
    applied = regimes.resolve(place=place, site=site, on=now.date())
    regime = applied.regime
    choices = rules.imagine_choices(notice=notice, visit=imagined.visit, now=now)
    overdue = gate.list_overdue_partners(site_id=site.id)
    return Simulation(
        site=site,
        notice=notice,
        imagined=imagined,
        jurisdiction=applied.jurisdiction,
        regime=regime,
        presentation=regimes.presentation_in(regime=regime, wanted=site.presentation),
        is_asked=rules.has_question(
            notice=notice, regime=regime, choices=choices, overdue=overdue, now=now
        ),
        decisions={
            code: gate_rules.decide(
                tag_code=code,
                terms=notice.terms,
                regime=regime,
                choices=choices,
                gpc=imagined.gpc,
                shown_notice=None if imagined.visit is Visit.FIRST else notice.number,
                overdue=overdue,
                now=int(now.timestamp()),
            )
            for code in notice.terms.tags
        },
    )


def get_signal_statement(*, site_code: str | None, now: datetime) -> Mapping[str, Any]:
    """
    Return what `/.well-known/gpc.json` says (Global Privacy Control, W3C): `gpc` and `lastUpdate`.

    It was updated when the site's notice took effect, or a regime after that. Where there is only
    one site, None stands for it.

    :raises UnknownSite:
    :raises NoNotice:
    """
    notice = notices.get_current(site_code=_known_site(site_code))
    statement = regimes.signal_statement(on=now.date())
    return {
        "gpc": statement.is_honoured,
        "lastUpdate": max(notice.effective_at.date(), statement.since).isoformat(),
    }


def get_transmission_copy(
    *, site_code: str | None, address: Callable[[str], str]
) -> Mapping[str, Any]:
    """
    Return the external-transmission page for machines; `address` is that of a site's page.

    Where there is only one site, None stands for it.

    :raises UnknownSite:
    :raises NoNotice:
    """
    notice = notices.get_current(site_code=_known_site(site_code))
    return transmission_copy.build_copy(notice=notice, page_url=address(notice.site_code))


def _known_site(site_code: str | None) -> str:
    if site_code is None:
        codes = [site.code for site in registry.list_sites()]
        site_code = codes[0] if len(codes) == 1 else ""
    return registry.get_site(code=site_code).code


def _regime(site: SiteInfo, reader: Reader, now: datetime) -> Regime:
    return regimes.resolve(place=reader.place, site=site, on=now.date()).regime


def _signal_note(notice: Notice, regime: Regime, reader: Reader, standing: Choices | None) -> str:
    """Return what to say of a browser's signal that was applied, "" where none was."""
    if not rules.is_signal_applied(standing=standing, notice=notice, regime=regime, gpc=reader.gpc):
        return ""
    language = negotiate(reader.languages, notice.content["languages"])
    return notices.get_wording(notice, language)[regime.signal_text]
