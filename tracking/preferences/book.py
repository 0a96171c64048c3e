"""A notice, opened in one language: the names and facts that every page prints. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from tracking.notices.types import Notice
from tracking.preferences import wording
from tracking.preferences.types import Frame


class Book:
    """`tags` are all of the notice's, `gated` those that wait for a choice."""

    def __init__(self, *, frame: Frame, notice: Notice) -> None:
        content = notice.content
        self.frame, self.text, self.language = frame, frame.text, frame.language
        self.notice = notice
        self.purposes = {purpose["code"]: purpose for purpose in content["purposes"]}
        self.items = {item["code"]: item for item in content["data_items"]}
        self.partners = {partner["code"]: partner for partner in content["partners"]}
        self.tags: Sequence[wording.Content] = content["tags"]
        self.gated = [tag for tag in self.tags if not tag["exemption_code"]]

    # names

    def name(self, choice: str) -> str:
        kind, _, code = choice.partition(":")
        if kind == "purpose":
            return self.purpose_name(code)
        return self.item_name(code) if kind == "item" else self.partner_name(code)

    def purpose_name(self, code: str) -> str:
        return wording.pick(self.purposes.get(code, {}).get("name"), self.language) or code

    def item_name(self, code: str) -> str:
        return wording.pick(self.items.get(code, {}).get("name"), self.language) or code

    def partner_name(self, code: str) -> str:
        return wording.pick(self.partners.get(code, {}).get("legal_name"), self.language) or code

    def join(self, names: Iterable[str]) -> str:
        return ("、" if self.language.startswith(("ja", "zh")) else ", ").join(names)

    def pick(self, texts: wording.Words | None) -> str:
        return wording.pick(texts, self.language)

    # facts of partners and tags

    def country(self, code: str) -> str:
        return wording.country_name(code=self.partners[code]["country"], language=self.language)

    def address(self, code: str) -> str:
        partner = self.partners[code]
        return address_line(
            frame=self.frame,
            address=partner["address"],
            representative=partner["representative"],
        )

    def exemption(self, tag: wording.Content) -> tuple[str, ...]:
        """Return why a tag is exempt, in words, and the paragraph it rests on (ET-11)."""
        code = tag["exemption_code"]
        if not code:
            return ()
        number = re.search(r"\((\d)\)\s*$", code)
        key = f"exemption_{number.group(1)}" if number else "exemption_other"
        return (
            self.text.get(key, self.text["exemption_other"]),
            self.text["exemption_law"].format(code=code),
        )

    def cookie_lines(self, tag: wording.Content) -> tuple[str, ...]:
        """Return its cookies, each with its lifetime (ET-12)."""
        return tuple(
            self.text["cookie_line"].format(
                name=cookie["name"], lifetime=self.lifetime(cookie.get("lifetime_days"))
            )
            for cookie in tag["cookies"]
        )

    def lifetime(self, days: int | None) -> str:
        """Return a cookie's lifetime in the unit that people would use."""
        if not days:
            return self.text["lifetime_session"]
        if days % 365 == 0:
            unit, count = "year", days // 365
        elif days % 30 == 0 and days >= 60:
            unit, count = "month", days // 30
        else:
            unit, count = "day", days
        key = f"lifetime_{unit}" if count == 1 else f"lifetime_{unit}s"
        return self.text[key].format(count=count)


def address_line(
    *, frame: Frame, address: Mapping[str, str], representative: Mapping[str, str]
) -> str:
    """Return where a partner sits and who represents it, as far as that is declared."""
    where = wording.pick(address, frame.language)
    who = wording.pick(representative, frame.language)
    if where and who:
        return frame.text["address_line"].format(address=where, representative=who)
    return where or who
