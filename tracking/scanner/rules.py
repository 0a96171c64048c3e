"""Is a site as its notice says? Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracking.scanner.types import Cookie, PageView, Sight
from tracking.scans.types import Finding, Rule, Visitor

# What the product itself keeps in a browser (docs/page-api.md): needed to ask and to obey.
OWN_NAMES = frozenset(
    {
        "cm_choices",
        "cm_shown",
        "cm_arm",
        "cm_device",
        "cm_seed",
        "cm_saved",
        "cm_receipt",
        "cm_retired",
    }  # fmt: skip
)

Tags = Sequence[Mapping[str, Any]]
About = Mapping[str, str | int | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sign:
    """What one page gave away to one visitor; equal keys are one finding."""

    rule: Rule
    subject: str = ""
    tags: tuple[str, ...] = ()
    about: About = field(default_factory=dict)

    @property
    def key(self) -> tuple[object, ...]:
        return self.rule, self.subject, self.tags, self.about.get("domain")


def compare(
    *,
    sight: Sight,
    content: Mapping[str, Any],
    allowed: Mapping[Visitor, Collection[str]],
    own_hosts: Collection[str],
) -> tuple[Finding, ...]:
    """
    Return what is not as published, each thing once.

    `content` is a notice's; `allowed` are the codes of the tags that the gate allows a visitor;
    `own_hosts` are the site's and the service's, as exactly as pages that hold requests know them:
    any other host, also one of the same domain, is to be declared.
    """
    tags: Tags = content["tags"]
    seen: dict[object, list[tuple[PageView, _Sign]]] = {}
    for view in sight.views:
        for sign in _signs(view, tags, allowed[view.visitor], own_hosts):
            seen.setdefault(sign.key, []).append((view, sign))
    return (
        *(_finding(times) for times in seen.values()),
        *_stale(sight, tags, allowed[Visitor.ACCEPTER]),
        *(
            Finding(rule=Rule.UNREAD_PAGE, subject=why, tags=(), visitors=(), pages=(page,))
            for page, why in sight.unread.items()
        ),
    )


def tags_of_host(tags: Tags, host: str) -> tuple[str, ...]:
    """
    Return the codes of the tags that declare a host most exactly, as static/src/core/hosts.ts does;
    none = it is undeclared.
    """
    name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    longest = 0
    found: list[str] = []
    for tag in tags:
        for pattern in tag["hosts"]:
            length = len(pattern.replace("*", ""))
            if length < longest or not _fits_host(pattern.lower(), name, host):
                continue
            if length > longest:
                longest, found = length, []
            if tag["code"] not in found:
                found.append(tag["code"])
    return tuple(found)


def tags_of_name(
    tags: Tags, name: str, *, declared: Callable[[Mapping[str, Any]], Collection[str]]
) -> tuple[str, ...]:
    """Return the codes of the tags that declare a cookie or storage key, as `name` or `name*`."""
    return tuple(
        tag["code"] for tag in tags if any(_fits_name(pattern, name) for pattern in declared(tag))
    )


def _signs(
    view: PageView, tags: Tags, allowed: Collection[str], own_hosts: Collection[str]
) -> Iterator[_Sign]:
    def judge(
        subject: str, codes: tuple[str, ...], unknown: Rule, leak: Rule, about: About | None = None
    ) -> Iterator[_Sign]:
        if not codes:
            yield _Sign(rule=unknown, subject=subject, about=about or {})
        elif not any(code in allowed for code in codes):
            yield _Sign(rule=leak, subject=subject, tags=codes, about=about or {})

    for host in sorted(view.hosts - frozenset(own_hosts)):
        yield from judge(host, tags_of_host(tags, host), Rule.UNKNOWN_HOST, Rule.HOST_LEAK)
    for cookie in sorted(view.cookies, key=lambda one: (one.name, one.domain)):
        if cookie.name in OWN_NAMES:
            continue
        codes = tags_of_name(tags, cookie.name, declared=_cookie_names)
        about: dict[str, str | int | bool | None] = {
            "domain": cookie.domain,
            "days": cookie.days,
            "is_http_only": cookie.is_http_only,
        }
        yield from judge(cookie.name, codes, Rule.UNKNOWN_COOKIE, Rule.COOKIE_LEAK, about)
        most = _most_days(tags, cookie)
        if most is not None and (cookie.days or 0) > most:
            yield _Sign(
                rule=Rule.LONG_COOKIE,
                subject=cookie.name,
                tags=codes,
                about={**about, "declared_days": most},
            )
    for key in sorted(view.storage_keys - OWN_NAMES):
        codes = tags_of_name(tags, key, declared=lambda tag: tag["storage_keys"])
        yield from judge(key, codes, Rule.UNKNOWN_STORAGE, Rule.STORAGE_LEAK)
    if not view.has_script:
        yield _Sign(rule=Rule.NO_SCRIPT)
    if not view.has_link:
        yield _Sign(rule=Rule.NO_LINK)


def _finding(times: Sequence[tuple[PageView, _Sign]]) -> Finding:
    # A cookie gets younger on a later page: what counts is the longest that it had to live.
    sign = max((sign for _, sign in times), key=lambda one: int(one.about.get("days") or 0))
    return Finding(
        rule=sign.rule,
        subject=sign.subject,
        tags=sign.tags,
        visitors=tuple(dict.fromkeys(view.visitor for view, _ in times)),
        pages=tuple(dict.fromkeys(view.page for view, _ in times)),
        about=sign.about,
    )


def _stale(sight: Sight, tags: Tags, allowed: Collection[str]) -> Iterator[Finding]:
    """Yield the tags that never asked a host of theirs, although they were allowed to."""
    views = [view for view in sight.views if view.visitor is Visitor.ACCEPTER]
    asked = {code for view in views for host in view.hosts for code in tags_of_host(tags, host)}
    for tag in tags:
        code = tag["code"]
        if tag["hosts"] and tag["transport"] == "client" and code in {*allowed} - asked:
            yield Finding(
                rule=Rule.STALE_TAG,
                subject=", ".join(tag["hosts"]),
                tags=(code,),
                visitors=(Visitor.ACCEPTER,),
                pages=(),
            )


def _fits_host(pattern: str, name: str, host: str) -> bool:
    if pattern.startswith("*"):
        return name.endswith(pattern[1:]) or host.endswith(pattern[1:])
    return pattern in (name, host)


def _fits_name(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _cookie_names(tag: Mapping[str, Any]) -> list[str]:
    return [cookie["name"] for cookie in tag["cookies"]]


def _most_days(tags: Tags, cookie: Cookie) -> int | None:
    """Return the longest lifetime that is declared for a cookie; None = none is."""
    return max(
        (
            declared["lifetime_days"]
            for tag in tags
            for declared in tag["cookies"]
            if _fits_name(declared["name"], cookie.name)
            and declared.get("lifetime_days") is not None
        ),
        default=None,
    )
