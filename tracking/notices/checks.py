"""
What keeps a content from being published, and what would make it better. Pure.

Duties that the law states stop a publication; practice only advises. The `ET-…` numbers are those
of docs/checks.md: the external transmission rule (Telecommunications Business Act Art. 27-12, Regs
22-2-28 to 22-2-31). How the texts read is looked at in lint.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tracking.notices import look
from tracking.notices.rules import WORDING_KEYS
from tracking.notices.types import Finding, Level
from tracking.regimes import rules as regimes
from tracking.registry import rules as registry
from tracking.registry.types import ForeignBasis, Nature, OptoutKind, Role, Transport, Vendor

Content = Mapping[str, Any]

# Regs 22-2-30 items 1 to 5; Art. 27-12 item 2: our own identifier, sent to ourselves.
EXEMPTIONS = frozenset({*(f"22-2-30({number})" for number in range(1, 6)), "27-12(ii)"})
_SPECIAL_CARE = "special."
_HOME = "JP"
# Who answers for a joint use (APPI Art. 27(5)(iii)).
_RESPONSIBLE = ("responsible_name", "responsible_address", "responsible_representative")

# A sentence that only sends the reader elsewhere.
_ELSEWHERE = re.compile(
    r"^[^。]*(ポリシー|規約|規定|方針|ウェブサイト|ホームページ|サイト|ページ)[^。]*"
    r"((ご覧|ご参照|ご確認|お読み)ください|参照(してください)?|による|によります|のとおり(です)?|に従います)$"
    r"|^(please\s+)?(see|read|check|refer to|consult|according to|(as )?(described|stated) in)\s+"
    r"(our|their|the|its|\w+['’]s)\b.*"
    r"\b(policy|policies|terms|rules|statement|website|site|page)\W*$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[。．.!?！？\n]+")
# Not 平等, 同等 and the like, which end in it and leave nothing open.
_OPEN_END = re.compile(
    r"((?<![平均同対上高初中劣優])等|など|\betc|\band so on|\band the like|\band more)\W*$",
    re.IGNORECASE,
)
_LISTED = re.compile(r"[、・,，/／]| and | or |や|と")


def check(
    *,
    content: Content,
    previous: Content | None,
    effective_at: datetime,
    published_at: datetime,
) -> tuple[Finding, ...]:
    """Return what the duties say about a content; `previous` is the last version's, if any."""
    return (
        *_check_frame(content),
        *_check_moments(effective_at=effective_at, published_at=published_at),
        *_check_purposes(content),
        *_check_items(content),
        *_check_partners(content),
        *_check_joint_uses(content),
        *_check_changed_joint_uses(
            content, previous or {}, is_announced_before=effective_at > published_at
        ),
        *(finding for tag in content["tags"] for finding in _check_tag(tag, content)),
        *look.check_look(content.get("look")),
    )


def check_profile(profile: str) -> tuple[Finding, ...]:
    """Return what is wrong with the profile that a site chose; an unknown one was not chosen."""
    known = sorted(regime.code for regime in regimes.load_regimes() if regime.is_profile)
    if profile in known:
        return ()
    return (stop("profile_unknown", "regime", "site", "profile", known=", ".join(known)),)


def text_in(texts: object, language: str) -> str:
    """Return the text in a language, "" for whatever else a JSON column may hold."""
    text = texts.get(language) if isinstance(texts, Mapping) else None
    return text.strip() if isinstance(text, str) else ""


def ends_openly(text: str) -> bool:
    """Say whether a text ends in 等, "etc." or the like: that hides what is not named."""
    return bool(_OPEN_END.search(text))


def lists_something(text: str) -> bool:
    """Say whether a text names more than one thing."""
    return bool(_LISTED.search(text))


def stop(rule: str, check: str, *place: str, **values: str) -> Finding:
    return Finding(rule=rule, check=check, level=Level.STOP, place=place, values=values)


def advise(rule: str, check: str, *place: str, **values: str) -> Finding:
    return Finding(rule=rule, check=check, level=Level.ADVICE, place=place, values=values)


def _missing(
    texts: object, content: Content, check: str, *place: str, is_needed: bool = True
) -> Iterator[Finding]:
    """A text that is there in one language must be there in all: nobody is told less."""
    languages: Sequence[str] = content["languages"]
    absent = [language for language in languages if not text_in(texts, language)]
    if is_needed or (texts and len(absent) < len(languages)):
        for language in absent:
            yield stop("text_missing", check, *place, language)


def _check_frame(content: Content) -> Iterator[Finding]:
    languages = content["languages"]
    if not languages:
        yield stop("no_language", "ET-05", "site")
    elif "ja" not in languages:
        # Regs 22-2-28(1)(i) ask for Japanese; a content does not tell whether the site is in Japan.
        yield advise("no_japanese", "ET-05", "site")
    company = content["company"] if isinstance(content["company"], Mapping) else {}
    for field in ("name", "address", "representative"):
        yield from _missing(company.get(field), content, "Article 11", "company", field)
    if not company.get("email"):
        yield stop("email_missing", "Article 11", "company", "email")
    for language in languages:
        words = content["wording"].get(language, {})
        for key in WORDING_KEYS:
            if not text_in(words, key):
                yield stop("text_missing", "wording", "wording", language, key)


def _check_moments(*, effective_at: datetime, published_at: datetime) -> Iterator[Finding]:
    if effective_at < published_at:
        yield stop("effective_before_published", "ET-09", "site")


def _check_purposes(content: Content) -> Iterator[Finding]:
    for purpose in content["purposes"]:
        place = ("purposes", purpose["code"])
        yield from _missing(purpose["name"], content, "Article 1", *place, "name")
        yield from _missing(purpose["description"], content, "Article 1", *place, "description")
        if not purpose["policy_codes"]:
            yield stop("policy_codes_missing", "Article 1", *place, "policy_codes")


def _check_items(content: Content) -> Iterator[Finding]:
    for item in content["data_items"]:
        place = ("data_items", item["code"])
        yield from _missing(item["name"], content, "ET-02", *place, "name")
        yield from _missing(
            item.get("description"), content, "ET-02", *place, "description", is_needed=False
        )
        if item["code"].startswith(_SPECIAL_CARE):
            yield stop("special_care", "Article 9", *place)
        users = [tag["code"] for tag in content["tags"] if item["code"] in _items(tag)]
        is_named = item.get("is_article9", True) or item.get("named_in")
        if users and not is_named:
            yield stop("not_in_policy", "Article 9", *place, tags=", ".join(users))
        for field in ("name", "description"):
            for language in content["languages"]:
                text = text_in(item.get(field), language)
                if ends_openly(text):
                    say = advise if lists_something(text) else stop
                    yield say("open_ended", "ET-02", *place, field, language)


def _items(tag: Content) -> tuple[str, ...]:
    return (*tag["required_items"], *tag["optional_items"])


def _check_partners(content: Content) -> Iterator[Finding]:
    for partner in content["partners"]:
        place = ("partners", partner["code"])
        yield from _missing(partner["legal_name"], content, "ET-03", *place, "legal_name")
        for field in ("service_name", "address", "representative"):
            yield from _missing(
                partner.get(field), content, "ET-03", *place, field, is_needed=False
            )
        tags = [tag for tag in content["tags"] if tag["partner"] == partner["code"]]
        if partner["role"] != Role.SELF:
            yield from _check_provision(partner, tags, content)
            if tags:
                yield from _check_links(partner, tags)
        own_uses = ", ".join(tag["code"] for tag in tags if tag.get("is_own_use"))
        if own_uses and partner["role"] == Role.THIRD_PARTY:
            yield advise("own_use", "Article 3", *place, "role", tags=own_uses)
        elif own_uses and partner["role"] == Role.PROCESSOR:
            yield stop("own_use_of_processor", "Article 3", *place, "role", tags=own_uses)


def _check_provision(
    partner: Content, tags: Sequence[Content], content: Content
) -> Iterator[Finding]:
    """
    What people are told where the site itself hands something over: from its server, or to a
    partner that can be expected to know whose it is (APPI Arts. 28, 31; Rules 17(2), 26, 28).
    """
    place = ("partners", partner["code"])
    is_linkable = any(tag.get("is_linkable") for tag in tags)
    is_provided = is_linkable or any(tag["transport"] == Transport.SERVER for tag in tags)
    confirmation = partner.get("confirmation")
    if is_linkable and not any(text_in(confirmation, one) for one in content["languages"]):
        yield stop("confirmation_missing", "APPI 31", *place, "confirmation")
    else:
        yield from _missing(
            confirmation, content, "APPI 31", *place, "confirmation", is_needed=False
        )
    is_abroad = partner["country"] != _HOME
    basis = partner.get("foreign_basis")
    if is_provided and is_abroad and not basis:
        yield stop("foreign_basis_missing", "APPI 28", *place, "foreign_basis")
    for field in ("foreign_system", "foreign_measures"):
        yield from _missing(
            partner.get(field), content, "APPI 28", *place, field,
            is_needed=is_provided and is_abroad and basis == ForeignBasis.CONSENT,
        )  # fmt: skip
    if is_provided and partner["role"] == Role.THIRD_PARTY:
        for field in ("address", "representative"):
            if not partner.get(field):
                yield advise("ledger_field_missing", "APPI 31", *place, field)


def _check_links(partner: Content, tags: Sequence[Content]) -> Iterator[Finding]:
    place = ("partners", partner["code"])
    if not partner["country"]:
        yield advise("country_missing", "ET-12", *place, "country")
    if not partner.get("policy_url"):
        yield advise("policy_link_missing", "ET-12", *place, "policy_url")
    if partner["role"] == Role.THIRD_PARTY and not partner.get("optout_url"):
        yield advise("optout_link_missing", "ET-12", *place, "optout_url")


def _check_joint_uses(content: Content) -> Iterator[Finding]:
    joint_uses = {one["code"]: one for one in content.get("joint_uses", ())}
    joined = [one.get("joint_use") for one in content["partners"]]
    for partner in content["partners"]:
        if partner["role"] == Role.JOINT_USER and partner.get("joint_use") not in joint_uses:
            yield stop(
                "joint_user_of_nothing", "Article 5", "partners", partner["code"], "joint_use"
            )
    for code, joint_use in joint_uses.items():
        place = ("joint_uses", code)
        if not joint_use["items"]:
            yield stop("joint_use_without_items", "APPI 27(5)(iii)", *place, "items")
        if code not in joined:
            yield advise("joint_use_of_nobody", "APPI 27(5)(iii)", *place, "scope")
        for field in ("scope", "purpose", *_RESPONSIBLE):
            yield from _missing(joint_use[field], content, "APPI 27(5)(iii)", *place, field)


def _check_changed_joint_uses(
    content: Content, previous: Content, *, is_announced_before: bool
) -> Iterator[Finding]:
    """
    APPI Art. 27(6): a new purpose or a new responsible person is announced before it holds; the
    latter's address and representative may follow without delay. Nothing else can be changed.
    """
    before = {one["code"]: one for one in previous.get("joint_uses", ())}
    for now in content.get("joint_uses", ()):
        was = before.get(now["code"])
        if was is None:
            continue
        place = ("joint_uses", now["code"])
        if sorted(was["items"]) != sorted(now["items"]):
            yield stop("joint_use_changed", "APPI 27(6)", *place, "items")
        if _says_else(was["scope"], now["scope"]):
            yield stop("joint_use_changed", "APPI 27(6)", *place, "scope")
        if _members(previous, now["code"]) != _members(content, now["code"]):
            yield stop("joint_use_changed", "APPI 27(6)", *place, "members")
        if not is_announced_before:
            for field in ("purpose", "responsible_name"):
                if _says_else(was[field], now[field]):
                    yield stop("joint_use_change_at_once", "APPI 27(6)", *place, field)


def _says_else(before: object, now: object) -> bool:
    """A language that is added or dropped says nothing else."""
    if not (isinstance(before, Mapping) and isinstance(now, Mapping)):
        return before != now
    return any(before[language] != now[language] for language in before.keys() & now.keys())


def _members(content: Content, code: str) -> set[str]:
    return {one["code"] for one in content["partners"] if one.get("joint_use") == code}


def _check_tag(tag: Content, content: Content) -> Iterator[Finding]:
    place = ("tags", tag["code"])
    is_exempt = bool(tag["exemption_code"])
    yield from _missing(tag["name"], content, "ET-01", *place, "name")
    yield from _check_tag_purposes(tag, content)
    if not tag["required_items"]:
        yield stop("no_item", "ET-02", *place, "required_items")
    yield from _check_codes(tag, content)
    if tag["transport"] == Transport.CLIENT and not tag["hosts"] and not is_exempt:
        yield stop("no_host", "ET-14", *place, "hosts")
    if not is_exempt:
        # Regs 22-2-31: our own switch stops it; which measure that is, and what follows from it.
        if tag.get("optout_kind", OptoutKind.STOP_SENDING) not in list(OptoutKind):
            yield stop("optout_unknown", "ET-10", *place, "optout_kind")
        yield from _missing(tag.get("optout_effect"), content, "ET-10", *place, "optout_effect")
    elif tag["exemption_code"] not in EXEMPTIONS:
        # Only practice asks for the paragraph, but an exempt tag passes the gate unasked.
        yield stop(
            "exemption_unknown", "ET-11", *place, "exemption_code", code=tag["exemption_code"]
        )
    yield from _check_keeping(tag, content)


def _check_tag_purposes(tag: Content, content: Content) -> Iterator[Finding]:
    place = ("tags", tag["code"])
    natures = {purpose["code"]: purpose["nature"] for purpose in content["purposes"]}
    if not tag["purposes"]:
        yield stop("no_purpose", "Article 1", *place, "purposes")
    for field in ("our_purpose", "their_purpose"):
        yield from _missing(tag[field], content, "ET-04", *place, field)
        for language in content["languages"]:
            if _leads_elsewhere(text_in(tag[field], language)):
                yield stop("purpose_elsewhere", "ET-04", *place, field, language)
    heard = {natures.get(code) for code in tag["purposes"]}
    if bool(tag["exemption_code"]) != (heard == {Nature.NECESSARY}) and tag["purposes"]:
        yield stop("exemption_unfit", "ET-11", *place, "exemption_code")
    info = registry.load_vendors().get(Vendor(tag["vendor"]))
    if info and info.natures and not heard & info.natures:
        yield stop(
            "vendor_deaf", "vendors", *place, "vendor",
            vendor=tag["vendor"], natures=", ".join(sorted(info.natures)),
        )  # fmt: skip


def _leads_elsewhere(text: str) -> bool:
    sentences = [one for one in _SENTENCE_END.split(text) if one.strip()]
    return bool(sentences) and all(_ELSEWHERE.match(one.strip()) for one in sentences)


def _check_codes(tag: Content, content: Content) -> Iterator[Finding]:
    """Nothing is used, and no field carries, what is not declared for all to see."""
    place = ("tags", tag["code"])
    declared = {
        table: {entry["code"] for entry in content[table]}
        for table in ("purposes", "data_items", "partners")
    }
    used: Iterable[tuple[str, str, str]] = (
        ("partner", "partners", tag["partner"]),
        *(("purposes", "purposes", code) for code in tag["purposes"]),
        *(("required_items", "data_items", code) for code in tag["required_items"]),
        *(("optional_items", "data_items", code) for code in tag["optional_items"]),
    )
    for field, table, code in used:
        if code not in declared[table]:
            yield stop("undeclared", "ET-01", *place, field, code=code)
    fields = tag.get("payload_fields") or {}
    if not isinstance(fields, Mapping):
        yield stop("payload_unreadable", "Article 9", *place, "payload_fields")
        return
    for name, item in fields.items():
        if item not in _items(tag):
            yield stop(
                "payload_undeclared", "Article 9", *place, "payload_fields",
                name=str(name), item=str(item),
            )  # fmt: skip


def _check_keeping(tag: Content, content: Content) -> Iterator[Finding]:
    place = ("tags", tag["code"])
    if not any(text_in(tag["retention"], language) for language in content["languages"]):
        yield advise("retention_missing", "ET-12", *place, "retention")
    else:
        yield from _missing(tag["retention"], content, "ET-12", *place, "retention")
    cookies = tag.get("cookies") or []
    for cookie in cookies if isinstance(cookies, list) else [cookies]:
        fields = cookie if isinstance(cookie, Mapping) else {}
        if not isinstance(fields.get("name"), str):
            yield stop("cookie_unreadable", "ET-12", *place, "cookies")
        elif not isinstance(fields.get("lifetime_days"), int):
            yield advise("cookie_without_lifetime", "ET-12", *place, "cookies", name=fields["name"])
