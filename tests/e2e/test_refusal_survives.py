"""
Once refused, always refused: with the service away, slow or broken, and the browser killed.

What is demanded depends on how long the browser lived after the press. From half a second on, the
refusal is on the disk (an IndexedDB transaction has completed, which a killed browser keeps), so
it must be obeyed and recorded exactly once. A browser that dies with the press itself may not have
written anything; there is no store in a browser that writes before the press has been handled.
Then the press may be as if it had never been, as a whole: what was granted before stays what it
was, the banner asks whoever had not answered, and the service has no record. A refusal that is
obeyed but not recorded, or recorded but not obeyed, or a grant that nobody gave, is a failure at
any time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests.e2e.conftest import Stack
from tests.e2e.faults import Chromium, Fault, Line, Network

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

OK = {200, 201}
# Seconds between the press and the end of the browser.
LIVES = (0.0, 0.5, 2.0, 6.0, 35.0)
# The page's tags, and the one that notice alone opens.
TAGS = {"ga4", "criteo", "karte"}
BY_NOTICE = {"ga4"}

REFUSE = "必須のみ許可する"
ALLOW = "許可する"
SETTINGS = "送る情報の設定"

CASES = [
    *(("first", fault) for fault in (Fault.DOWN, Fault.HANG, Fault.LOST_ANSWER, Fault.ERROR)),
    *(("withdrawn", fault) for fault in (Fault.DOWN, Fault.HANG, Fault.LOST_ANSWER, Fault.ERROR)),
    # The service is well: the refusal leaves the outbox before other stores are on the disk.
    ("withdrawn", Fault.NONE),
]
OTHERS = [
    "two-tabs", "again", "blocked-by-setting", "blocked-by-exceptions",
    Fault.LATE_GRANT, Fault.LATE_GRANT_ANSWER,
]  # fmt: skip


@dataclass
class Visitor:
    """Someone on the customer's page, and what they do there."""

    stack: Stack
    line: Line
    life: float = 0
    has_granted: bool = False
    fault: Fault = Fault.NONE
    pressed_at: datetime | None = None
    page: Page = field(init=False)

    @property
    def name(self) -> str:
        return self.line.host.removesuffix(".localhost")

    def open(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.load()

    def load(self) -> None:
        self.page.goto(self.line.page, wait_until="load")
        # Waiting goes on where the page loads itself again.
        self.page.wait_for_function("window.consentManager?.ready().then(() => true)")

    @property
    def banner(self) -> Any:
        return self.page.locator("#cm-root").get_by_role("region")

    def press(self, name: str) -> None:
        self.page.locator("#cm-root").get_by_role("button", name=name, exact=True).click()

    def reached(self, since: datetime | None = None) -> set[str]:
        """Return the tags whose vendors this visitor's pages reached."""
        return {
            entry["tag"] or entry["path"]
            for log in self.stack.log().values()
            for entry in log["requests"]
            if f"{self.line.host}:" in json.dumps(entry["data"])
            and (since is None or datetime.fromisoformat(entry["at"]) > since)
        }

    def reached_after_press(self) -> set[str]:
        return self.reached(self.pressed_at)

    def settle(self) -> None:
        self.page.wait_for_load_state("networkidle")

    def is_recorded(self, method: str) -> bool:
        """Say whether the service has answered that it has such a decision."""
        return any(sent.method == method and sent.status in OK for sent in self.line.sent)

    def allow(self) -> None:
        """Allow while all is well, and see it recorded."""
        self.press(ALLOW)
        wait_for(lambda: self.is_recorded("allow"), f"{self.name}: no record of the grant")
        expect(self.banner).to_have_count(0)
        self.settle()

    def is_asked(self) -> bool:
        """Say whether the banner asks, once the page has had time to know better."""
        try:
            expect(self.banner).to_have_count(0, timeout=3000)
        except AssertionError:
            return True
        return False

    def granted(self) -> list[str]:
        choices = self.page.evaluate("consentManager.get().choices")
        return choices["granted"] if choices else []

    def granted_at_service(self) -> list[str] | None:
        """Return what the service says to this browser that it granted."""
        answer = self.page.evaluate(
            """async (service) => (await (await fetch(
              service + "/v1/consents/current?site=kloset", {credentials: "include"}
            )).json()).choices""",
            self.line.service,
        )
        return answer and answer["granted"]


def wait_for(condition: Any, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def records(stack: Stack) -> list[tuple[str, str]]:
    """Return idempotency key and method of every record that the service has."""
    found = stack.run(
        "methods = dict(m.ConsentRecord.objects.values_list('key', 'method'))\n"
        "private = m.ConsentPrivate.objects.all()\n"
        "print(json.dumps([(one.idempotency_key, methods[one.record_key]) for one in private]))"
    )
    return [tuple(row) for row in json.loads(found)]


def methods_of(line: Line, everything: list[tuple[str, str]]) -> list[str]:
    """Return the methods of the records that came along a line, once per record."""
    keys = {sent.key for sent in line.sent}
    return sorted(method for key, method in everything if key in keys)


@pytest.fixture(scope="module")
def network(stack: Stack) -> Iterator[Network]:
    """The customer's page, which is one of the site's under the name of every visitor."""
    with Network(stack.port) as network:
        names = [name_of(life, kind, fault) for life in LIVES for kind, fault in CASES]
        for name in [*names, *OTHERS]:
            network.line(name)
        origins = [f"http://{line.host}:{network.port}" for line in network.lines.values()]
        stack.run(
            f"site = m.Site.objects.get(code='kloset')\nsite.origins += {origins!r}\nsite.save()"
        )
        # Every process of the service remembers a site for five seconds.
        time.sleep(6)
        yield network


def name_of(life: float, kind: str, fault: Fault) -> str:
    return f"{kind}-{fault}-{int(life * 1000)}"


def test_at_whatever_moment_the_browser_dies(
    stack: Stack,
    browser: Browser,
    network: Network,
    tmp_path: Path,
    record_property: Any,
) -> None:
    visitors = [
        Visitor(
            stack,
            network.lines[name_of(life, kind, fault)],
            life=life,
            has_granted=kind == "withdrawn",
            fault=fault,
        )
        for life in LIVES
        for kind, fault in CASES
    ]
    stack.forget()
    browsers = {life: Chromium(tmp_path / str(life), browser.browser_type) for life in LIVES}
    try:
        for life, chromium in browsers.items():
            _grant_long_ago(chromium, [v for v in visitors if v.life == life and v.has_granted])
        for life in sorted(LIVES, reverse=True):
            _refuse_and_die(browsers[life], [v for v in visitors if v.life == life])
        outcomes = {}
        # The shortest lives first: the longest one is not over yet.
        for life, chromium in browsers.items():
            outcomes |= _come_back(chromium, [v for v in visitors if v.life == life])
        everything = records(stack)
    finally:
        for chromium in browsers.values():
            chromium.end()

    faults = []
    for visitor in visitors:
        outcome = outcomes[visitor.name]
        methods = methods_of(visitor.line, everything)
        earlier = ["allow"] if visitor.has_granted else []
        is_kept = not outcome.complaints and methods == [*earlier, "refuse"]
        is_as_if_never = outcome.is_as_before and methods == earlier
        record_property(visitor.name, "kept" if is_kept else f"{outcome} {methods}")
        if not is_kept and not (visitor.life == 0 and is_as_if_never):
            faults.append(f"{visitor.name}: {outcome}, records: {methods}")
    assert not faults, "\n".join(faults)


def _grant_long_ago(chromium: Chromium, visitors: list[Visitor]) -> None:
    """Grant, and leave the browser in peace, so that every store has the grant on the disk."""
    context = chromium.start()
    for visitor in visitors:
        visitor.open(context)
        visitor.allow()
    chromium.quit()


def _refuse_and_die(chromium: Chromium, visitors: list[Visitor]) -> None:
    """Press at once in all pages and kill the browser after its time, without waiting for that."""
    life = visitors[0].life
    if life:
        _press(chromium, visitors)
        threading.Timer(life, chromium.kill).start()
    else:
        # One browser for each: the last press must not give the first one time.
        for visitor in visitors:
            _press(chromium, [visitor], dies=True)
            chromium.end()


def _press(chromium: Chromium, visitors: list[Visitor], *, dies: bool = False) -> None:
    context = chromium.start()
    places = []
    for visitor in visitors:
        visitor.open(context)
        if visitor.has_granted:
            visitor.press(SETTINGS)
            wait_for(lambda v=visitor: v.reached() >= TAGS, f"{visitor.name}: no tags")
        else:
            expect(visitor.banner).to_be_visible()
        button = visitor.page.locator("#cm-root").get_by_role("button", name=REFUSE, exact=True)
        button.click(trial=True)
        box = button.bounding_box()
        assert box
        places.append((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
        visitor.page.expose_binding("pressed", lambda _: chromium.kill() if dies else None)
        # Registered last, so it hears the press when the banner has handled it.
        visitor.page.evaluate("addEventListener('click', () => pressed())")
    for visitor in visitors:
        visitor.settle()
    for visitor in visitors:
        visitor.line.break_(visitor.fault)
    for visitor, place in zip(visitors, places, strict=True):
        visitor.pressed_at = datetime.now(UTC)
        try:
            visitor.page.mouse.click(*place)
        except Error:
            assert dies


@dataclass
class Outcome:
    """How a visitor found things afterwards; complaints = not what somebody who refused expects."""

    complaints: list[str] = field(default_factory=list)
    is_as_before: bool = False

    def __str__(self) -> str:
        state = "as before the press" if self.is_as_before else "refused"
        return "; ".join(self.complaints) or state


def _come_back(chromium: Chromium, visitors: list[Visitor]) -> dict[str, Outcome]:
    """Open the pages on the killed profile, first without and then with a way to send."""
    wait_for(chromium.is_gone, "the browser was not killed", 60)
    chromium.end()
    outcomes = {visitor.name: Outcome() for visitor in visitors}
    context = chromium.start()
    for visitor in visitors:
        outcome = outcomes[visitor.name]
        visitor.line.break_(visitor.fault, is_script_there=True)
        visitor.open(context)
        is_asked, granted = visitor.is_asked(), visitor.granted()
        if is_asked:
            outcome.complaints.append("the banner asks again")
        if granted:
            outcome.complaints.append("the grant stands")
        outcome.is_as_before = bool(granted) if visitor.has_granted else is_asked
    for visitor in visitors:
        visitor.line.heal()
        visitor.load()
    for visitor in visitors:
        outcome = outcomes[visitor.name]
        if not outcome.complaints:
            wait_for(lambda v=visitor: v.is_recorded("refuse"), f"{visitor.name}: never sent")
        visitor.settle()
        if visitor.granted() and not visitor.has_granted:
            outcome.complaints.append("a grant that nobody gave")
            outcome.is_as_before = False
        if not outcome.complaints:
            if visitor.granted() or visitor.is_asked():
                outcome.complaints.append("forgotten when the service was back")
            # A browser that lost its newest token with its cookies is unknown there: no grant.
            if visitor.granted_at_service():
                outcome.complaints.append("the service still has the grant")
        if tags := visitor.reached_after_press():
            outcome.complaints.append(f"reached: {', '.join(sorted(tags))}")
            if not visitor.has_granted and tags - BY_NOTICE:
                outcome.is_as_before = False
    chromium.quit()
    return outcomes


def test_two_tabs(stack: Stack, network: Network, visit: BrowserContext) -> None:
    first = Visitor(stack, network.lines["two-tabs"])
    second = Visitor(stack, first.line)
    visit.set_default_timeout(30_000)
    first.open(visit)
    first.allow()
    second.open(visit)
    second.page.wait_for_function("window.__vendorHits?.length >= 3")
    first.press(SETTINGS)
    expect(first.page.get_by_role("dialog")).to_be_visible()
    first.settle()
    second.settle()

    first.line.break_(Fault.DOWN, is_script_there=True)
    pressed_at = datetime.now(UTC)
    first.press(REFUSE)

    # What ran in the other tab is gone with the page it ran on, and does not come back.
    second.page.wait_for_function(
        "window.consentManager?.get().choices?.granted.length === 0 && !window.__vendorHits"
    )
    assert not first.is_recorded("refuse")
    first.line.heal()
    for visitor in (first, second):
        visitor.page.evaluate("dispatchEvent(new Event('online'))")
    for visitor in (first, second):
        visitor.load()
    wait_for(lambda: first.is_recorded("refuse"), "never sent")
    for visitor in (first, second):
        visitor.settle()
        assert visitor.granted() == []
        assert not visitor.is_asked()
    assert first.granted_at_service() == []
    assert first.reached(pressed_at) == set()
    assert methods_of(first.line, records(stack)) == ["allow", "refuse"]


@pytest.mark.parametrize("fault", [Fault.LATE_GRANT, Fault.LATE_GRANT_ANSWER])
def test_a_grant_on_its_way_does_not_overtake(
    stack: Stack, network: Network, visit: BrowserContext, fault: Fault
) -> None:
    visitor = Visitor(stack, network.lines[fault])
    visit.set_default_timeout(30_000)
    visitor.open(visit)
    # Allowed while the service is down, and sent again when it is back, but slowly.
    visitor.line.break_(Fault.DOWN, is_script_there=True)
    visitor.press(ALLOW)
    expect(visitor.banner).to_have_count(0)
    visitor.line.break_(fault)
    tries = len(visitor.line.sent)
    visitor.page.evaluate("dispatchEvent(new Event('online'))")
    wait_for(lambda: len(visitor.line.sent) > tries, "the grant is not sent again")

    visitor.press(SETTINGS)
    visitor.press(REFUSE)
    wait_for(lambda: visitor.is_recorded("refuse"), "the refusal waits for the grant")
    pressed_at = datetime.now(UTC)
    visitor.line.let_go()
    wait_for(lambda: visitor.is_recorded("allow"), "the grant does not arrive")
    visitor.load()
    visitor.settle()

    for _ in range(2):
        assert visitor.granted() == []
        assert not visitor.is_asked()
        assert not visitor.granted_at_service()
        visitor.load()
        visitor.settle()
    assert visitor.reached(pressed_at) == set()
    assert methods_of(visitor.line, records(stack)) == ["allow", "refuse"]


_THROWING = """
for (const [owner, name] of [
  [Window.prototype, "localStorage"], [Window.prototype, "sessionStorage"],
  [Window.prototype, "indexedDB"], [window, "localStorage"], [window, "sessionStorage"],
  [window, "indexedDB"], [Document.prototype, "cookie"],
]) {
  const blocked = () => { throw new DOMException("blocked", "SecurityError"); };
  Object.defineProperty(owner, name, {get: blocked, set: blocked, configurable: true});
}
"""


@pytest.mark.parametrize("by", ["setting", "exceptions"])
def test_where_nothing_can_be_stored(
    stack: Stack, browser: Browser, network: Network, tmp_path: Path, by: str
) -> None:
    """Closed for as long as the page is there; every new one asks, and opens nothing."""
    visitor = Visitor(stack, network.lines[f"blocked-by-{by}"])
    chromium = Chromium(tmp_path / "profile", browser.browser_type)
    if by == "setting":
        (tmp_path / "profile" / "Default").mkdir(parents=True)
        (tmp_path / "profile" / "Default" / "Preferences").write_text(
            json.dumps({"profile": {"default_content_setting_values": {"cookies": 2}}}), "utf-8"
        )
    try:
        context = chromium.start()
        if by == "exceptions":
            context.add_init_script(_THROWING)
        started_at = datetime.now(UTC)
        visitor.open(context)
        assert visitor.page.evaluate(
            "() => { try { return !localStorage; } catch (error) { return error.name; } }"
        ) == "SecurityError"  # fmt: skip
        for times in (1, 2):
            assert visitor.is_asked()
            visitor.press(REFUSE)
            expect(visitor.banner).to_have_count(0)
            wait_for(
                lambda times=times: sum(sent.status in OK for sent in visitor.line.sent) == times,
                "no record",
            )
            visitor.settle()
            assert visitor.granted() == []
            visitor.load()
        assert visitor.reached(started_at) == set()
    finally:
        chromium.end()


def test_the_script_arrives_on_every_visit(
    stack: Stack, network: Network, visit: BrowserContext
) -> None:
    """Without it there is no banner and no way to refuse: the browser's copy must stay usable."""
    visitor = Visitor(stack, network.lines["again"])
    page = visit.new_page()
    for _ in range(4):
        page.goto(visitor.line.page, wait_until="load")
        assert page.evaluate("typeof window.consentManager") == "object"
