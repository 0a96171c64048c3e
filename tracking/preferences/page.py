"""From a notice and a device's choices to what its own pages print. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from tracking.consents.rules import LAST_WORDS
from tracking.consents.types import (
    Choices,
    DeliveryStatus,
    Erased,
    Provision,
    Receipt,
    Stage,
)
from tracking.gate.types import Decision, Reason
from tracking.lib.languages import is_rtl
from tracking.notices.types import Notice
from tracking.preferences import wording
from tracking.preferences.book import Book, address_line
from tracking.preferences.types import (
    ErasurePage,
    Frame,
    Gap,
    HistoryEntry,
    ItemRow,
    PartnerRow,
    PreferencePage,
    Progress,
    ProgressLine,
    PurposeRow,
    ReceivedEntry,
    Use,
)

_LANGUAGE_NAMES = {
    "ja": "日本語", "en": "English", "zh-Hans": "简体中文", "zh-Hant": "繁體中文", "ko": "한국어",
    "de": "Deutsch", "fr": "Français", "es": "Español", "pt-BR": "Português (Brasil)",
    "ar": "العربية", "he": "עברית",
}  # fmt: skip
_MOST_HISTORY = 12
# While partners are being told; later, when only late ones are left.
_REFRESH_SECONDS = 5
_REFRESH_SECONDS_LATE = 60
_SOON = frozenset({Stage.QUEUED, Stage.SENT})


def make_frame(*, notice: Notice, site_name: Mapping[str, str], language: str) -> Frame:
    """
    Return what every page prints around its content.

    :raises ValueError: if the notice does not say who answers for it (policy Article 11); none that
        was published is like that
    """
    content = notice.content
    company = content["company"]
    contact = {
        "name": wording.pick(company.get("name"), language),
        "address": wording.pick(company.get("address"), language),
        "representative": wording.pick(company.get("representative"), language),
        "email": company.get("email", ""),
    }
    missing = [name for name, text in contact.items() if not text]
    if missing:
        raise ValueError(f"notice {notice.number} names no {', '.join(missing)} of the company")
    return Frame(
        site=notice.site_code,
        site_name=wording.pick(site_name, language) or notice.site_code,
        language=language,
        is_rtl=is_rtl(language),
        languages=tuple((code, _LANGUAGE_NAMES.get(code, code)) for code in content["languages"]),
        text=wording.texts(language=language),
        wording=content["wording"].get(language) or next(iter(content["wording"].values())),
        notice=notice.number,
        has_look=bool(content.get("look")),
        company=contact,
    )


def build_preference_page(
    *,
    frame: Frame,
    notice: Notice,
    choices: Choices | None,
    decisions: Mapping[str, Decision],
    receipts: Sequence[Receipt],
    received: Sequence[Provision],
    versions: Mapping[int, Notice],
    deliveries: Sequence[DeliveryStatus],
    withdrawal_key: str,
    saved_key: str,
    zone: str,
    signal_note: str,
) -> PreferencePage:
    """Return the page; `versions` holds the notices that the receipts speak of."""
    book = _Choices(frame=frame, notice=notice, choices=choices, decisions=decisions)
    partners = tuple(book.partner_rows())
    saved = next((r for r in receipts if saved_key and str(r.key) == saved_key), None)
    said = frame.wording
    history = tuple(
        _history_entry(frame, receipt, versions.get(receipt.notice_number, notice), zone)
        for receipt in receipts[:_MOST_HISTORY]
    )
    older = len(receipts) - len(history)
    asked = [f"purpose:{purpose['code']}" for purpose in notice.content["purposes"]]
    asked = [choice for choice in asked if choice in notice.asked_ids]
    return PreferencePage(
        frame=frame,
        title=wording.phrases(text=said["prefs_title"], language=frame.language),
        buttons={
            act: wording.phrases(text=text, language=frame.language)
            for act, text in (
                ("refuse", said["refuse_all"]),
                ("save", said["save"]),
                ("allow", said["allow_all"]),
                ("add", frame.text["complete_button"]),
                ("again", frame.text["change_again"]),
            )
        },
        purposes=tuple(book.purpose_rows()),
        items=tuple(book.item_rows()),
        partners=partners,
        partner_count=sum(row.is_switchable for row in partners),
        gaps=tuple(book.gaps()),
        on_names=tuple(book.name(choice) for choice in asked if choice in book.granted),
        off_names=tuple(book.name(choice) for choice in asked if choice not in book.granted),
        history=history,
        older=frame.text["history_older"].format(count=older) if older else "",
        # Newest first, as the decisions above.
        received=tuple(
            _received_entry(frame, one, zone)
            for one in sorted(received, key=lambda one: one.opened_at, reverse=True)[:_MOST_HISTORY]
        ),
        received_older=frame.text["history_older"].format(count=len(received) - _MOST_HISTORY)
        if len(received) > _MOST_HISTORY
        else "",
        progress=_progress(
            frame,
            deliveries,
            zone,
            title=frame.text["progress_title"],
            summary=said["delivery_progress"],
            address=f"?saved={withdrawal_key}&lang={frame.language}",
        )
        if deliveries
        else None,
        saved="" if saved is None else saved_message(frame=frame, receipt=saved, choices=choices),
        signal_note=signal_note,
        history_empty=frame.text["history_empty_notice"]
        if any(decision.reason is Reason.NOTICE_GIVEN for decision in decisions.values())
        else said["history_empty"],
    )


def build_erasure_page(
    *, frame: Frame, is_known: bool, is_gone: bool, erased: Erased | None, zone: str
) -> ErasurePage:
    """Return the page that asks for an erasure, or tells of one."""
    text, language = frame.text, frame.language
    done, progress = "", None
    if erased is not None:
        at = wording.moment(at=erased.erased_at, zone=zone, language=language)
        done = text["erased_at"].format(time=at.text)
        if erased.deliveries:
            progress = _progress(
                frame,
                erased.deliveries,
                zone,
                title=text["erasure_progress_title"],
                summary=text["erasure_progress"],
                address=f"?done={erased.key}&lang={language}",
            )
    return ErasurePage(
        frame=frame,
        title=wording.phrases(
            text=text["erasure_title" if erased is None else "erased_title"], language=language
        ),
        button=wording.phrases(text=text["erasure_button"], language=language),
        is_known=is_known,
        is_gone=is_gone,
        done=done,
        progress=progress,
    )


def saved_message(*, frame: Frame, receipt: Receipt, choices: Choices | None) -> str:
    """Return what to say of a record; that all sending stopped only where nothing is left on."""
    is_all_off = bool(receipt.withdrawn) and not (choices and choices.granted)
    return frame.wording["saved_withdrawn" if is_all_off else "saved"]


class _Choices(Book):
    """A notice, opened for the choices of one device."""

    def __init__(
        self,
        *,
        frame: Frame,
        notice: Notice,
        choices: Choices | None,
        decisions: Mapping[str, Decision],
    ) -> None:
        super().__init__(frame=frame, notice=notice)
        self.decisions = decisions
        self.granted = choices.granted if choices else frozenset()

    def purpose_rows(self) -> Iterator[PurposeRow]:
        for purpose in self.purposes.values():
            choice = f"purpose:{purpose['code']}"
            tags = [tag for tag in self.tags if purpose["code"] in tag["purposes"]]
            is_switchable = choice in self.notice.asked_ids
            if not is_switchable and purpose["nature"] != "necessary":
                continue
            yield PurposeRow(
                id=choice,
                name=wording.pick(purpose["name"], self.language),
                description=wording.pick(purpose["description"], self.language),
                is_on=choice in self.granted or not is_switchable,
                is_switchable=is_switchable,
                why=()
                if is_switchable
                else tuple(
                    dict.fromkeys(reason for tag in tags for reason in self.exemption(tag)[:1])
                ),
                uses=tuple(self._uses(tags)),
                notes=tuple(self._purpose_notes(choice, tags)) if is_switchable else (),
            )

    def _uses(self, tags: Sequence[wording.Content]) -> Iterator[Use]:
        gets: dict[str, dict[str, None]] = {}
        for tag in tags:
            gets.setdefault(tag["partner"], {}).update(
                dict.fromkeys((*tag["required_items"], *tag["optional_items"]))
            )
        for code, items in gets.items():
            name = self.partner_name(code)
            yield Use(
                partner=name,
                sentence=self.text["uses_line"].format(
                    partner=name,
                    country=self.country(code),
                    items=self.join(self.item_name(item) for item in items),
                ),
            )

    def _purpose_notes(self, choice: str, tags: Sequence[wording.Content]) -> Iterator[str]:
        decided = [self.decisions[tag["code"]] for tag in tags if tag["code"] in self.decisions]
        if choice not in self.granted and any(
            decision.allowed and decision.reason is not Reason.EXEMPT for decision in decided
        ):
            yield self.text["notice_running"]
        if choice in self.granted and decided and not any(d.allowed for d in decided):
            missing = self._missing(tags)
            if missing:
                names = self.join(self.name(lacking) for lacking in missing)
                yield self.text["not_running"].format(missing=names)

    def _missing(self, tags: Sequence[wording.Content]) -> tuple[str, ...]:
        needed = dict.fromkeys(
            choice for tag in tags for choice in self.notice.terms.tags[tag["code"]].needed_ids
        )
        return tuple(choice for choice in needed if choice not in self.granted)

    def item_rows(self) -> Iterator[ItemRow]:
        for code, item in self.items.items():
            choice = f"item:{code}"
            if choice not in self.notice.asked_ids:
                continue
            needing = dict.fromkeys(t["partner"] for t in self.gated if code in t["required_items"])
            able = dict.fromkeys(
                tag["partner"]
                for tag in self.gated
                if code in tag["optional_items"] and tag["partner"] not in needing
            )
            consequences = []
            if needing:
                consequences.append(self._off_consequence(list(needing), item))
            if able:
                names = self.join(self.partner_name(partner) for partner in able)
                consequences.append(self.text["item_optional"].format(partners=names))
            yield ItemRow(
                id=choice,
                name=wording.pick(item["name"], self.language),
                description=wording.pick(item["description"], self.language),
                is_on=choice in self.granted,
                consequences=tuple(consequences),
            )

    def _off_consequence(self, partners: Sequence[str], item: wording.Content) -> str:
        """Return the notice's own sentence; Japanese takes several partners in one of them."""
        sentence = self.frame.wording["off_consequence"]
        name = wording.pick(item["name"], self.language)
        names = [self.partner_name(partner) for partner in partners]
        if self.language == "ja":
            return sentence.format(partner=self.join(names), item=name)
        return " ".join(sentence.format(partner=partner, item=name) for partner in names)

    def partner_rows(self) -> Iterator[PartnerRow]:
        for code, partner in self.partners.items():
            choice = f"partner:{code}"
            tags = [tag for tag in self.tags if tag["partner"] == code]
            if not tags:
                continue
            role = partner["role"]
            is_switchable = choice in self.notice.asked_ids
            gets = dict.fromkeys(item for tag in tags for item in tag["required_items"])
            may_get = dict.fromkeys(
                item for tag in tags for item in tag["optional_items"] if item not in gets
            )
            purposes = dict.fromkeys(purpose for tag in tags for purpose in tag["purposes"])
            yield PartnerRow(
                id=choice,
                code=code,
                legal_name=self.partner_name(code),
                service_name=wording.pick(partner["service_name"], self.language),
                country=self.country(code),
                role=self.text[f"role_{role}"],
                role_detail=self.text[f"role_{role}_detail"],
                address=self.address(code),
                is_on=choice in self.granted or not is_switchable,
                is_switchable=is_switchable,
                gets=tuple(self.item_name(item) for item in gets),
                may_get=tuple(self.item_name(item) for item in may_get),
                purposes=tuple(self.purpose_name(purpose) for purpose in purposes),
                policy_url=partner["policy_url"],
                optout_url=partner["optout_url"],
                notes=tuple(self._partner_notes(tags)),
            )

    def _partner_notes(self, tags: Sequence[wording.Content]) -> Iterator[str]:
        reasons = {
            self.decisions[tag["code"]].reason for tag in tags if tag["code"] in self.decisions
        }
        if Reason.PARTNER_OVERDUE in reasons:
            yield self.text["overdue_partner"]
        if Reason.NOT_YET_EFFECTIVE in reasons:
            yield self.text["not_yet_effective"]

    def gaps(self) -> Iterator[Gap]:
        for code in self.purposes:
            tags = [tag for tag in self.gated if code in tag["purposes"]]
            if f"purpose:{code}" not in self.granted or not tags:
                continue
            lacking = [self._missing([tag]) for tag in tags]
            # Where one tag runs, what keeps another from running is the visitor's wish.
            if all(lacking):
                wanted = {choice for missing in lacking for choice in missing}
                ids = tuple(choice for choice in self.notice.numbers if choice in wanted)
                yield Gap(
                    sentence=self.text["complete_body"].format(purpose=self.purpose_name(code)),
                    ids=ids,
                    names=tuple(self.name(choice) for choice in ids),
                )


def _age(frame: Frame, receipt: Receipt) -> str:
    if receipt.age_band is None:
        return ""
    age = frame.text[f"age_{receipt.age_band.value}"]
    return frame.text["guardian_agreed"].format(age=age) if receipt.guardian_consent else age


def _history_entry(frame: Frame, receipt: Receipt, version: Notice, zone: str) -> HistoryEntry:
    """Return a receipt in the words of the version it was given on."""
    book = Book(frame=frame, notice=version)
    order = list(version.numbers)

    def names(choices: frozenset[str]) -> tuple[str, ...]:
        return tuple(book.name(choice) for choice in order if choice in choices)

    return HistoryEntry(
        key=str(receipt.key),
        moment=wording.moment(at=receipt.recorded_at, zone=zone, language=frame.language),
        act=frame.text[f"method_{receipt.method.value}"],
        surface=frame.text[f"surface_{receipt.surface.value}"],
        version=frame.text["history_version"].format(number=receipt.notice_number),
        age=_age(frame, receipt),
        granted=names(receipt.granted),
        refused=names(receipt.refused - receipt.withdrawn),
        withdrawn=names(receipt.withdrawn),
    )


def _received_entry(frame: Frame, provision: Provision, zone: str) -> ReceivedEntry:
    """Return a stretch of time in the words of the version that held then."""
    language, recipient = frame.language, provision.recipient

    def at(moment: datetime) -> str:
        return wording.moment(at=moment, zone=zone, language=language).text

    opened, closed = provision.opened_at, provision.closed_at
    return ReceivedEntry(
        partner=wording.pick(recipient.legal_name, language) or recipient.code,
        span=frame.text["received_since"].format(since=at(opened))
        if closed is None
        else frame.text["received_span"].format(since=at(opened), until=at(closed)),
        items=tuple(wording.pick(name, language) for name in provision.items.values()),
        address=address_line(
            frame=frame, address=recipient.address, representative=recipient.representative
        ),
    )


def _progress(
    frame: Frame,
    deliveries: Sequence[DeliveryStatus],
    zone: str,
    *,
    title: str,
    summary: str,
    address: str,
) -> Progress:
    total = len(deliveries)
    confirmed = sum(delivery.status is Stage.CONFIRMED for delivery in deliveries)
    awaited = {delivery.status for delivery in deliveries if delivery.is_open}
    is_over = all(delivery.status in LAST_WORDS for delivery in deliveries)
    refresh, closing = 0, ""
    if awaited:
        refresh = _REFRESH_SECONDS if awaited & _SOON else _REFRESH_SECONDS_LATE
    elif not is_over:
        closing = frame.text["progress_stalled"]
    else:
        closing = frame.text["progress_done" if confirmed == total else "progress_settled"]
    return Progress(
        title=title,
        summary=summary.format(total=total, confirmed=confirmed),
        closing=closing,
        total=total,
        confirmed=confirmed,
        lines=tuple(_progress_line(frame, delivery, zone) for delivery in deliveries),
        refresh_seconds=refresh,
        is_over=is_over,
        address=address,
    )


def _progress_line(frame: Frame, delivery: DeliveryStatus, zone: str) -> ProgressLine:
    partner = wording.pick(delivery.legal_name, frame.language) or delivery.partner
    at = delivery.confirmed_at or delivery.due_at
    sentence = {
        Stage.QUEUED: frame.wording["delivery_pending"],
        Stage.SENT: frame.text["sent_line"],
        Stage.CONFIRMED: frame.text["confirmed_line"],
        Stage.OVERDUE: frame.wording["delivery_overdue"]
        if delivery.sent_at is None
        else frame.text["unconfirmed_line"],
        Stage.UNREACHABLE: frame.text["unreachable_line"],
        Stage.IDENTIFIER_NOT_HELD: frame.text["identifier_not_held_line"],
        Stage.NOT_NEEDED: frame.text["not_needed_line"],
    }[delivery.status]
    return ProgressLine(
        partner=partner,
        status=delivery.status,
        status_text=frame.text[f"status_{delivery.status}"],
        sentence=sentence.format(
            partner=partner, time=wording.moment(at=at, zone=zone, language=frame.language).text
        ),
    )
