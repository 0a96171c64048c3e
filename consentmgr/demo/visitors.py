"""
Made-up visitors of the demo shop, each with a browser's worth of requests to the real API.

Nothing is written past the API, so their decisions are stamped with the time they are sent: all of
them belong to today.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import (
    ClientError,
    ClientResponseError,
    ClientSession,
    ClientTimeout,
    CookieJar,
    TCPConnector,
)

from consentmgr.demo.places import SITE, Places

# Shares of a hundred. The mix is made up; it only has to look like a shop's.
_LANGUAGES = {"ja": 84, "en": 16}
_DEVICES = {"iphone": 42, "android": 24, "windows": 19, "mac": 9, "tablet": 6}
# The host of the page before; "" = none.
_REFERRERS = {
    "": 34,
    "www.google.co.jp": 30,
    "search.yahoo.co.jp": 9,
    "line.me": 8,
    "t.co": 7,
    "www.instagram.com": 5,
    "kakaku.example": 7,
}
_ANSWERS = {"ignore": 27, "allow": 31, "refuse": 27, "choose": 15}
_OF_HUNDRED_WITHDRAW = 12
_OF_HUNDRED_SEND_GPC = 5
_OF_HUNDRED_CAME_BEFORE = 15

_AGENTS = {
    "iphone": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "tablet": "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "android": "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    "windows": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "mac": "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_5) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Safari/605.1.15",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the notice asks: its number and the codes that can be answered, by kind."""

    notice: int
    codes: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    language: str
    device: str
    referrer: str
    # The notice was shown to this browser before, and ignored.
    came_before: bool
    # Milliseconds from seeing the notice to answering it.
    waited: int
    answer: str
    withdraws: bool
    gpc: bool
    # Purposes that a visitor who chooses says yes to.
    liked: frozenset[str]


def make_visitors(*, count: int, purposes: Sequence[str], chance: random.Random) -> list[Visitor]:
    """Return visitors of a plausible mix."""

    def one_of(shares: Mapping[str, int]) -> str:
        return chance.choices(list(shares), weights=list(shares.values()))[0]

    visitors = []
    for _ in range(count):
        answer = one_of(_ANSWERS)
        liked = frozenset(
            # Advertising is what people who choose leave out most.
            code
            for code in purposes
            if chance.random() < (0.15 if code == "advertising" else 0.6)
        )
        visitors.append(
            Visitor(
                language=one_of(_LANGUAGES),
                device=one_of(_DEVICES),
                referrer=one_of(_REFERRERS),
                came_before=chance.randrange(100) < _OF_HUNDRED_CAME_BEFORE,
                waited=round(chance.lognormvariate(8, 0.7)),
                answer=answer,
                withdraws=answer in {"allow", "choose"}
                and chance.randrange(100) < _OF_HUNDRED_WITHDRAW,
                gpc=chance.randrange(100) < _OF_HUNDRED_SEND_GPC,
                liked=liked,
            )
        )
    return visitors


async def read_asked(*, session: ClientSession) -> Asked:
    """
    Return what the service asks right now.

    :raises ClientError: if it is not there
    """
    async with session.get("/v1/bootstrap", params={"site": SITE, "language": "ja"}) as answer:
        answer.raise_for_status()
        content: dict[str, Any] = await answer.json()
    partners = [one for one in content["partners"] if one["role"] != "self"]
    items = {code for one in partners for code in (*one["required_items"], *one["optional_items"])}
    return Asked(
        notice=content["notice"]["number"],
        codes={
            "purposes": [one["code"] for one in content["purposes"] if not one["is_necessary"]],
            "data_items": sorted(items),
            "partners": [one["code"] for one in partners],
        },
    )


@dataclass(slots=True, kw_only=True)
class Told:
    """How many did what (by answer, and `withdraw`), and how those ended whose visit failed."""

    did: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)


async def send_all(*, places: Places, count: int, at_once: int) -> Told:
    """
    Send this many visitors to the service, `at_once` of them at a time.

    :raises ClientError: if the service is not there
    """
    timeout = ClientTimeout(total=20)
    connector = TCPConnector(limit=at_once)
    chance = random.Random()  # noqa: S311  # made-up people, not keys
    told = Told()

    def open_session() -> ClientSession:
        return ClientSession(
            places.service,
            connector=connector,
            connector_owner=False,
            # The service is at a bare address here, whose cookies a jar drops by default.
            cookie_jar=CookieJar(unsafe=True),
            timeout=timeout,
        )

    async def work(visitors: Iterator[Visitor], asked: Asked) -> None:
        for visitor in visitors:
            try:
                async with open_session() as session:
                    await _visit(session, visitor, asked, origin=places.shop, did=told.did)
            except ClientResponseError as error:
                told.failures[f"{error.status} from {error.request_info.url.path}"] += 1
            except (ClientError, TimeoutError) as error:
                told.failures[type(error).__name__] += 1

    try:
        async with open_session() as session:
            asked = await read_asked(session=session)
        queue = iter(make_visitors(count=count, purposes=asked.codes["purposes"], chance=chance))
        await asyncio.gather(*(work(queue, asked) for _ in range(at_once)))
    finally:
        await connector.close()
    return told


async def _visit(
    session: ClientSession, visitor: Visitor, asked: Asked, *, origin: str, did: Counter[str]
) -> None:
    """Be shown the banner, perhaps answer it, perhaps take the answer back."""
    headers = {"Origin": origin, "User-Agent": _AGENTS[visitor.device]}
    if visitor.gpc:
        headers["Sec-GPC"] = "1"
    about = {"site": SITE, "language": visitor.language}
    shown = await _post(
        session,
        "/v1/shown",
        {
            **about,
            "notice": asked.notice,
            "surface": "bar",
            "occasion": "again" if visitor.came_before else "first",
            "referrer": visitor.referrer,
            "waited": None if visitor.answer == "ignore" else visitor.waited,
        },
        headers,
    )
    if visitor.answer != "ignore":
        sequence = int(time.time() * 1000)
        decision = _decision(visitor, asked, about, sequence) | shown
        await _post(session, "/v1/consents", decision, headers)
        if visitor.withdraws:
            await _post(
                session,
                "/v1/revocations",
                {
                    **about,
                    "idempotency_key": secrets.token_urlsafe(18),
                    "client_seq": sequence + 1,
                    "surface": "preferences",
                    "all": True,
                },
                headers,
            )
            did["withdraw"] += 1
    did[visitor.answer] += 1


def _decision(
    visitor: Visitor, asked: Asked, about: Mapping[str, str], sequence: int
) -> dict[str, Any]:
    decision: dict[str, Any] = {
        **about,
        "notice": asked.notice,
        "idempotency_key": secrets.token_urlsafe(18),
        "client_seq": sequence,
        "method": visitor.answer,
        "surface": "preferences" if visitor.answer == "choose" else "bar",
    }
    if visitor.gpc:
        decision["gpc"] = True
    if visitor.answer != "refuse":
        for kind, codes in asked.codes.items():
            decision[kind] = {
                code: kind != "purposes" or visitor.answer == "allow" or code in visitor.liked
                for code in codes
            }
    return decision


async def _post(
    session: ClientSession, path: str, body: Mapping[str, Any], headers: Mapping[str, str]
) -> dict[str, Any]:
    async with session.post(path, json=body, headers=headers) as answer:
        content: dict[str, Any] = await answer.json()
        answer.raise_for_status()
        return content
