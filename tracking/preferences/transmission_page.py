"""From a notice to the external-transmission page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from tracking.gate.types import Decision
from tracking.lib import moments
from tracking.notices.diff import Revision
from tracking.notices.types import Notice
from tracking.preferences import wording
from tracking.preferences.book import Book
from tracking.preferences.glossary import Glossary
from tracking.preferences.types import Frame, TagEntry, TransmissionPage
from tracking.preferences.versions import list_versions


def build_transmission_page(
    *,
    frame: Frame,
    notice: Notice,
    choices_granted: frozenset[str],
    decisions: Mapping[str, Decision],
    revisions: Sequence[Revision],
    origins: Iterable[str],
    checked_on: date | None,
    zone: str,
    now: datetime,
    saved: str,
    saved_tag: str,
    signal_note: str,
) -> TransmissionPage:
    """
    Return the external-transmission page: one entry per tag, never a merged list (ET-01).

    `checked_on` is the day on which the page was last held against what the site really sends.
    """
    language, text = frame.language, frame.text
    glossary = Glossary(terms=wording.glossary(language=language))
    # In the order of the page, since the first use of a term is the one that is explained.
    lead = glossary.mark(text["transmission_lead"].format(site=frame.site_name))
    book = Book(frame=frame, notice=notice)
    tags = notice.content["tags"]
    anchored: dict[str, str] = {}
    entries = []
    for tag in (*book.gated, *(tag for tag in tags if tag["exemption_code"])):
        anchor = "" if tag["partner"] in anchored else tag["partner"]
        anchored[tag["partner"]] = book.partner_name(tag["partner"])
        entries.append(
            _entry(book, tag, glossary, decisions.get(tag["code"]), choices_granted, anchor)
        )
    return TransmissionPage(
        frame=frame,
        title=wording.phrases(text=text["transmission_title"], language=language),
        lead=lead,
        scope=(
            text["transmission_scope"].format(
                site=frame.site_name, origins=book.join(sorted(origins))
            ),
            text["transmission_scope_more"],
        ),
        gated=tuple(entry for entry in entries if not entry.is_exempt),
        exempt=tuple(entry for entry in entries if entry.is_exempt),
        partners=tuple(anchored.items()),
        published=text["published"].format(
            number=notice.number,
            date=moments.day_text(at=notice.published_at, zone=zone, language=language),
        ),
        effective=text["effective"].format(
            date=moments.day_text(at=notice.effective_at, zone=zone, language=language)
        ),
        checked=text["checked"].format(
            date=moments.day_text(
                at=datetime.combine(checked_on, time(), ZoneInfo(zone)),
                zone=zone,
                language=language,
            )
        )
        if checked_on
        else "",
        versions=list_versions(book=book, revisions=revisions, zone=zone, now=now),
        saved=saved,
        saved_tag=saved_tag,
        signal_note=signal_note,
    )


def _entry(
    book: Book,
    tag: wording.Content,
    glossary: Glossary,
    decision: Decision | None,
    granted: frozenset[str],
    anchor: str,
) -> TagEntry:
    text, language = book.text, book.language
    code, partner = tag["code"], book.partners[tag["partner"]]
    is_on = decision is not None and decision.allowed
    siblings = [
        wording.pick(other["name"], language)
        for other in book.gated
        if other["partner"] == tag["partner"] and other["code"] != code
    ]
    needed = [c for c in book.notice.terms.tags[code].needed_ids if c not in granted]
    policy_codes = dict.fromkeys(
        number for purpose in tag["purposes"] for number in book.purposes[purpose]["policy_codes"]
    )
    effect = wording.pick(tag["optout_effect"], language) or text["effect_none"]
    return TagEntry(
        code=code,
        anchor=anchor,
        name=wording.pick(tag["name"], language),
        partner_name=book.partner_name(tag["partner"]),
        service_name=wording.pick(partner["service_name"], language),
        country=book.country(tag["partner"]),
        role=text[f"role_{partner['role']}"],
        role_detail=text[f"role_{partner['role']}_detail"],
        address=book.address(tag["partner"]),
        sent=glossary.mark(book.join(book.item_name(i) for i in tag["required_items"])),
        sent_optional=glossary.mark(book.join(book.item_name(i) for i in tag["optional_items"])),
        our_purpose=glossary.mark(wording.pick(tag["our_purpose"], language)),
        their_purpose=glossary.mark(wording.pick(tag["their_purpose"], language)),
        policy_codes=text["policy_numbers"].format(codes=book.join(policy_codes))
        if policy_codes
        else "",
        transport=text[f"transport_{tag['transport']}"],
        stop=text[tag["optout_kind"]],
        effect=glossary.mark(effect),
        exemption=book.exemption(tag),
        cookies=book.cookie_lines(tag),
        storage=tuple(tag["storage_keys"]),
        retention=glossary.mark(wording.pick(tag["retention"], language)),
        policy_url=partner["policy_url"],
        optout_url=partner["optout_url"],
        is_on=is_on,
        is_exempt=bool(tag["exemption_code"]),
        reason=_reason(book, decision),
        withheld=text["withheld"].format(
            items=book.join(book.item_name(item) for item in decision.withheld)
        )
        if decision is not None and is_on and decision.withheld
        else "",
        off_scope=text["button_off_scope"].format(tags=book.join(siblings)) if siblings else "",
        on_scope=text["button_on_scope"].format(
            choices=book.join(book.name(choice) for choice in needed)
        )
        if needed
        else "",
    )


def _reason(book: Book, decision: Decision | None) -> str:
    if decision is None:
        return book.text["reason_unknown"]
    return book.text[wording.reason_key(decision)]
