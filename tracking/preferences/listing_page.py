"""From a notice to the pages that are the same for everybody. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from tracking.lib import moments
from tracking.notices import diff
from tracking.notices.types import Notice
from tracking.preferences import wording
from tracking.preferences.book import Book
from tracking.preferences.glossary import Glossary
from tracking.preferences.types import (
    Chapter,
    Fact,
    Frame,
    Glossed,
    Link,
    Listing,
    ListingEntry,
    ListingPage,
)

# Those of Article 9, in its order; what an older notice does not say is a service.
RECIPIENT_CLASSES = ("advertiser", "information_provider", "service_provider")
# Attributes, identifiers, logs (JIAA).
_JIAA_CLASSES = ("1", "2", "3")


def build_listing(
    *,
    listing: Listing,
    frame: Frame,
    notice: Notice,
    coming: Sequence[Notice],
    zone: str,
    now: datetime,
) -> ListingPage:
    """Return one of the pages; `coming` are the published versions whose day has not come."""
    text, language = frame.text, frame.language
    glossary = Glossary(terms=wording.glossary(language=language))
    key = listing.name.lower()
    # In the order of the page, since the first use of a term is the one that is explained.
    lead = glossary.mark(text[f"{key}_lead"].format(site=frame.site_name))
    build = _Builder(frame=frame, notice=notice, glossary=glossary, zone=zone, now=now)
    chapters: Mapping[Listing, Callable[[], Iterator[Chapter]]] = {
        Listing.COOKIES: build.cookies,
        Listing.PARTNERS: build.partner_list,
        Listing.JOINT_USE: lambda: build.joint_uses(coming),
        Listing.INFORMATION: build.information,
    }
    found = tuple(chapter for chapter in chapters[listing]() if chapter.entries)
    has_declared = any(chapter.title != text["cookies_own"] for chapter in found)
    return ListingPage(
        frame=frame,
        listing=listing,
        title=wording.phrases(text=text[f"{key}_title"], language=language),
        lead=lead,
        chapters=found,
        nothing="" if has_declared else text[f"{key}_nothing"],
        published=text["published"].format(
            number=notice.number,
            date=moments.day_text(at=notice.published_at, zone=zone, language=language),
        ),
        effective=text["effective"].format(
            date=moments.day_text(at=notice.effective_at, zone=zone, language=language)
        ),
    )


class _Builder(Book):
    """A notice, opened to be listed."""

    def __init__(
        self, *, frame: Frame, notice: Notice, glossary: Glossary, zone: str, now: datetime
    ) -> None:
        super().__init__(frame=frame, notice=notice)
        self._glossary, self._zone, self._now = glossary, zone, now

    def _mark(self, lines: Iterable[str]) -> tuple[Glossed, ...]:
        return tuple(self._glossary.mark(line) for line in lines if line)

    def _facts(self, *given: tuple[str, Iterable[str]]) -> Iterator[Fact]:
        """Yield a fact for each label that has something to say."""
        for label, lines in given:
            marked = self._mark(lines)
            if marked:
                yield Fact(label=self.text[label], lines=marked)

    def _tag_names(self, tags: Iterable[wording.Content]) -> tuple[tuple[str, str], ...]:
        return tuple((tag["code"], self.pick(tag["name"])) for tag in tags)

    def _day(self, at: datetime) -> str:
        return moments.day_text(at=at, zone=self._zone, language=self.language)

    # cookies

    def cookies(self) -> Iterator[Chapter]:
        for code in self.partners:
            tags = [
                tag
                for tag in self.tags
                if tag["partner"] == code and (tag["cookies"] or tag["storage_keys"])
            ]
            yield Chapter(
                title=self.partner_name(code),
                lead="",
                entries=tuple(self._cookie_entry(tag) for tag in tags),
            )
        yield Chapter(
            title=self.text["cookies_own"],
            lead=self.text["cookies_own_lead"],
            entries=tuple(self._own_entry(kept) for kept in wording.own_storage()),
        )

    def _cookie_entry(self, tag: wording.Content) -> ListingEntry:
        state = self.text["listing_always" if tag["exemption_code"] else "listing_allowed"]
        return ListingEntry(
            anchor=f"tag-{tag['code']}",
            name=self.pick(tag["name"]),
            facts=tuple(
                self._facts(
                    ("field_cookies", self.cookie_lines(tag)),
                    ("field_storage", tag["storage_keys"]),
                    ("field_use", [self.pick(tag["our_purpose"])]),
                    ("field_for", [self.join(map(self.purpose_name, tag["purposes"]))]),
                    ("field_when", [state]),
                )
            ),
            tags=self._tag_names([tag]),
        )

    def _own_entry(self, kept: wording.Content) -> ListingEntry:
        text = self.text
        until = (
            text["until_device"].format(lifetime=self.lifetime(kept["lifetime_days"]))
            if "lifetime_days" in kept
            else text[kept["until"]]
        )
        return ListingEntry(
            anchor=f"own-{kept['name'].replace(' / ', '-')}",
            name=kept["name"],
            facts=tuple(
                self._facts(
                    ("field_where", [self.join(text[f"where_{place}"] for place in kept["where"])]),
                    ("field_until", [until]),
                    ("field_use", [self.pick(kept["purpose"])]),
                )
            ),
        )

    # partners

    def partner_list(self) -> Iterator[Chapter]:
        own = [code for code, partner in self.partners.items() if partner["role"] == "self"]
        yield self._partner_chapter("partners_self", own)
        for recipient_class in RECIPIENT_CLASSES:
            yield self._partner_chapter(
                f"class_{recipient_class}",
                [
                    code
                    for code, partner in self.partners.items()
                    if code not in own
                    and partner.get("recipient_class", "service_provider") == recipient_class
                ],
            )

    def _partner_chapter(self, key: str, codes: Sequence[str]) -> Chapter:
        return Chapter(
            title=self.text[key],
            lead=self.text[f"{key}_lead"].format(site=self.frame.site_name),
            entries=tuple(self._partner_entry(code) for code in codes),
        )

    def _partner_entry(self, code: str) -> ListingEntry:
        text, partner = self.text, self.partners[code]
        tags = [tag for tag in self.tags if tag["partner"] == code]
        gets = dict.fromkeys(item for tag in tags for item in tag["required_items"])
        may_get = dict.fromkeys(
            item for tag in tags for item in tag["optional_items"] if item not in gets
        )
        purposes = dict.fromkeys(purpose for tag in tags for purpose in tag["purposes"])
        role = text[f"role_{partner['role']}"]
        facts = [
            *self._facts(
                ("field_service", [self.pick(partner["service_name"])]),
                ("field_country", [self.country(code)]),
                ("field_address", [self.address(code)]),
                (
                    "partner_role",
                    [role + text["colon"] + text[f"role_{partner['role']}_detail"]],
                ),
                ("field_gets", [self.join(map(self.item_name, gets))]),
                ("field_may_get", [self.join(map(self.item_name, may_get))]),
                ("field_for", [self.join(map(self.purpose_name, purposes))]),
                (
                    "field_their_purpose",
                    dict.fromkeys(self.pick(tag["their_purpose"]) for tag in tags),
                ),
                ("field_linkable", self._linkable_lines(tags)),
                ("field_confirmation", [self.pick(partner.get("confirmation"))]),
                ("field_foreign", self._foreign_lines(code)),
                ("partner_stop", self._stop_lines(code, tags)),
                ("field_joint", [text["partner_joint"]] if partner["role"] == "joint_user" else []),
            )
        ]
        links = tuple(
            Link(address=partner[key], label=text[label])
            for key, label in (
                ("policy_url", "partner_policy"),
                ("optout_url", "partner_stop_there"),
            )
            if partner[key]
        )
        if links:
            facts.append(Fact(label=text["field_links"], links=links))
        return ListingEntry(
            anchor=f"partner-{code}",
            name=self.partner_name(code),
            facts=tuple(facts),
            tags=self._tag_names(tags),
        )

    def _linkable_lines(self, tags: Sequence[wording.Content]) -> Iterator[str]:
        names = [self.pick(tag["name"]) for tag in tags if tag.get("is_linkable")]
        if names:
            yield self.text["partner_linkable"].format(tags=self.join(names))

    def _foreign_lines(self, code: str) -> Iterator[str]:
        """Yield what people are told of a recipient abroad (APPI Art. 28, Rule 17(2))."""
        text, partner = self.text, self.partners[code]
        basis = partner.get("foreign_basis", "")
        told = {key: self.pick(partner.get(key)) for key in ("foreign_system", "foreign_measures")}
        if not basis and not any(told.values()):
            return
        yield text[f"foreign_{basis or 'plain'}"].format(country=self.country(code))
        for key, words in told.items():
            if words:
                yield text[key].format(text=words)

    def _stop_lines(self, code: str, tags: Sequence[wording.Content]) -> Iterator[str]:
        text = self.text
        if not tags:
            yield text["partner_no_tag"]
        elif f"partner:{code}" in self.notice.asked_ids:
            yield text["partner_stops"]
        else:
            reasons = dict.fromkeys(self.exemption(tag)[0] for tag in tags)
            yield text["partner_no_stop"].format(reasons=self.join(reasons))

    # joint use

    def joint_uses(self, coming: Sequence[Notice]) -> Iterator[Chapter]:
        content = self.notice.content
        yield Chapter(
            title=self.text["joint_use_now"],
            lead="",
            entries=tuple(
                self._joint_entry(joint_use, note="", anchor=f"joint-{joint_use['code']}")
                for joint_use in content.get("joint_uses", ())
            ),
        )
        yield Chapter(
            title=self.text["joint_use_coming"],
            lead=self.text["joint_use_coming_lead"],
            entries=tuple(
                entry
                for before, after in zip([self.notice, *coming], coming, strict=False)
                for entry in self._coming_entries(before, after)
            ),
        )

    def _coming_entries(self, before: Notice, after: Notice) -> Iterator[ListingEntry]:
        day = self._day(after.effective_at)
        found = diff.compare(before.content, after.content).tables["joint_uses"]
        is_new = {entry.code for entry in found.added} | {entry.code for entry in found.changed}
        later = _Builder(
            frame=self.frame,
            notice=after,
            glossary=self._glossary,
            zone=self._zone,
            now=self._now,
        )
        for joint_use in after.content.get("joint_uses", ()):
            code = joint_use["code"]
            if code in is_new or _members(before, code) != _members(after, code):
                yield later._joint_entry(
                    joint_use,
                    note=self.text["joint_use_from"].format(date=day),
                    anchor=f"joint-{code}-{after.number}",
                )
        for gone in found.removed:
            yield ListingEntry(
                anchor=f"joint-{gone.code}-{after.number}",
                name=self.text["joint_use_name"].format(purpose=self.pick(gone.name)),
                facts=tuple(
                    self._facts(
                        ("field_fact", [self.text["joint_use_until"].format(date=day)]),
                    )
                ),
            )

    def _joint_entry(self, joint_use: wording.Content, *, note: str, anchor: str) -> ListingEntry:
        """Return all that APPI Art. 27(5)(iii) asks to be told beforehand."""
        text = self.text
        responsible = [
            self.pick(joint_use[f"responsible_{part}"])
            for part in ("name", "address", "representative")
        ]
        return ListingEntry(
            anchor=anchor,
            name=text["joint_use_name"].format(purpose=self.pick(joint_use["purpose"])),
            facts=tuple(
                self._facts(
                    ("field_fact", [note, text["joint_use_fact"]]),
                    ("field_joint_items", [self.join(map(self.item_name, joint_use["items"]))]),
                    ("field_joint_scope", [self.pick(joint_use["scope"])]),
                    ("field_joint_purpose", [self.pick(joint_use["purpose"])]),
                    (
                        "field_joint_responsible",
                        [
                            responsible[0],
                            text["address_line"].format(
                                address=responsible[1], representative=responsible[2]
                            )
                            if all(responsible[1:])
                            else self.join(filter(None, responsible[1:])),
                        ],
                    ),
                    ("field_joint_members", self._member_lines(joint_use["code"])),
                )
            ),
        )

    def _member_lines(self, code: str) -> Iterator[str]:
        for partner in self.partners.values():
            if partner.get("joint_use") != code:
                continue
            name = self.partner_name(partner["code"])
            since = partner["effective_at"]
            if since is not None and since > self._now.timestamp():
                day = self._day(datetime.fromtimestamp(since, tz=self._now.tzinfo))
                name = self.text["joint_member_from"].format(name=name, date=day)
            yield name

    # information

    def information(self) -> Iterator[Chapter]:
        for jiaa_class in (*_JIAA_CLASSES, "other"):
            yield Chapter(
                title=self.text[f"jiaa_{jiaa_class}"],
                lead=self.text[f"jiaa_{jiaa_class}_lead"],
                entries=tuple(
                    self._item_entry(code)
                    for code, item in self.items.items()
                    if (item["jiaa_class"] if item["jiaa_class"] in _JIAA_CLASSES else "other")
                    == jiaa_class
                ),
            )

    def _item_entry(self, code: str) -> ListingEntry:
        text, item = self.text, self.items[code]
        if item["is_article9"]:
            named = text["policy_article9"]
        elif item.get("named_in"):
            named = text["policy_elsewhere"].format(where=item["named_in"])
        else:
            named = text["policy_nowhere"]
        tags = [t for t in self.tags if code in (*t["required_items"], *t["optional_items"])]
        return ListingEntry(
            anchor=f"item-{code}",
            name=self.item_name(code),
            facts=tuple(
                self._facts(
                    ("field_what", [self.pick(item["description"])]),
                    ("field_policy", [named]),
                    ("field_receivers", self._receiver_lines(code, tags)),
                )
            ),
            tags=self._tag_names(tags),
        )

    def _receiver_lines(self, code: str, tags: Sequence[wording.Content]) -> Iterator[str]:
        if not tags:
            yield self.text["receiver_none"]
        for partner in dict.fromkeys(tag["partner"] for tag in tags):
            own = [tag for tag in tags if tag["partner"] == partner]
            is_optional = not any(code in tag["required_items"] for tag in own)
            purposes = dict.fromkeys(purpose for tag in own for purpose in tag["purposes"])
            yield self.text["receiver_optional_line" if is_optional else "receiver_line"].format(
                partner=self.partner_name(partner),
                country=self.country(partner),
                purposes=self.join(map(self.purpose_name, purposes)),
            )
        linkable = dict.fromkeys(tag["partner"] for tag in tags if tag.get("is_linkable"))
        if linkable:
            yield self.text["receiver_linkable"].format(
                partners=self.join(map(self.partner_name, linkable))
            )


def _members(notice: Notice, joint_use: str) -> list[tuple[str, int | None]]:
    return [
        (partner["code"], partner["effective_at"])
        for partner in notice.content["partners"]
        if partner.get("joint_use") == joint_use
    ]
