"""Everybody can answer: by eye, by keyboard, with a screen reader, enlarged, in forced colours."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.e2e.conftest import ROOT, Stack
from tests.e2e.customer_site import until
from tests.served_script import config_in, with_config

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

Scheme = Literal["light", "dark"]
# Any two values meet at least once.
LOOKS = [
    pytest.param("bar", "ja", "light", id="bar-ja-light"),
    pytest.param("bar", "en", "dark", id="bar-en-dark"),
    pytest.param("card", "ja", "dark", id="card-ja-dark"),
    pytest.param("card", "en", "light", id="card-en-light"),
    pytest.param("dialog", "ja", "light", id="dialog-ja-light"),
    pytest.param("dialog", "en", "dark", id="dialog-en-dark"),
]
LABELS = {
    "ja": ("許可する", "必須のみ許可する", "選んで設定する"),
    "en": ("Allow", "Only necessary", "Choose"),
}
PLACES = {"ja": "/demo/", "en": "/demo/en/"}

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
# On the shop's pages what is ours, on our own all.
VIOLATIONS = """async () => (await axe.run(document.querySelector("#cm-root")
    ? {include: ["#cm-root", ".cm-placeholder"].filter(one => document.querySelector(one))}
    : document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    rules: {"target-size": {enabled: true}},
    resultTypes: ["violations"],
  })).violations.map(found => [found.id, ...found.nodes.map(node => node.target.flat().join(" "))])
"""
# [width, height] of each thing to press, and what it is.
SMALL = """scope => [...scope.querySelectorAll("a, button, input, summary")]
  .filter(node => node.checkVisibility())
  .map(node => [node.getBoundingClientRect(), node.className || node.localName, node.innerText])
  .filter(([box]) => box.width < 24 || box.height < 24)
  .map(([box, ...name]) => [box.width, box.height, ...name])"""
LOOK = """node => {
  const style = getComputedStyle(node);
  const { width, height } = node.getBoundingClientRect();
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  let ground = node;
  while (/^transparent$|, 0\\)$/.test(getComputedStyle(ground).backgroundColor)) {
    ground = ground.parentElement;
  }
  const light = color => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data]
      .map(one => one / 255)
      .map(one => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const both = [light(style.color), light(getComputedStyle(ground).backgroundColor)];
  return {
    height,
    contrast: Math.max(...both) / Math.min(...both),
    look: [Math.round(width), Math.round(height), style.font, style.color, style.backgroundColor,
      style.border].join("; "),
  };
}"""
# What has the focus, seen through shadow roots.
FOCUSED = """() => {
  let node = document.activeElement;
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
  return {
    text: (node.innerText ?? "").trim(),
    inside: node === document.body ? "body"
      : node.closest(".cm-dialog, .cm-modal, .cm-bar, .cm-corner")?.classList[0] ?? "page",
  };
}"""
SIDEWAYS = """() => [document.documentElement, ...document.querySelector("#cm-root").shadowRoot
    .querySelectorAll("*")]
  .filter(node => node.scrollWidth > node.clientWidth + 1 && node.clientWidth)
  .map(node => [node.className || node.localName, node.scrollWidth, node.clientWidth])"""


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Let a busy machine take its time."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def reader(browser: Browser) -> Iterator[BrowserContext]:
    """A new visitor with a window of the usual size."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    yield context
    context.close()


@cache
def axe() -> str:
    return AXE.read_text("utf-8")


def violations(page: Page) -> list[object]:
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(axe())
    found: list[object] = page.evaluate(VIOLATIONS)
    return found


def shown(
    context: BrowserContext, stack: Stack, presentation: str = "bar", language: str = "ja"
) -> Page:
    """Open the shop with its first layer presented like this."""

    def present(route: Route) -> None:
        answer = route.fetch()
        script = answer.text()
        config = {**config_in(script), "presentation": presentation}
        if presentation != "bar":
            config["styles"] += (ROOT / "static" / "dist" / "card.css").read_text("utf-8")
        route.fulfill(response=answer, body=with_config(script, config))

    page = context.new_page()
    page.route("**/b/kloset.js*", present)
    page.goto(stack.url(PLACES[language] + "items/coat/"))
    expect(first_layer(page)).to_be_visible()
    return page


def first_layer(page: Page) -> Locator:
    return page.locator("#cm-root section.cm-bar")


def preferences(page: Page) -> Locator:
    return page.locator("#cm-root .cm-dialog")


def named(page: Page, name: str) -> Locator:
    return page.locator("#cm-root").get_by_role("button", name=name, exact=True)


def choices(page: Page) -> str | None:
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    return cookies.get("cm_choices")


def has_decided(page: Page) -> bool:
    return choices(page) is not None


def press_key(page: Page, key: str) -> dict[str, Any]:
    """Press a key and return what has the focus then."""
    page.keyboard.press(key)
    return focused(page)


def focused(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(FOCUSED)
    return found


def looks(buttons: Locator) -> list[dict[str, Any]]:
    return [button.evaluate(LOOK) for button in buttons.all()]


@pytest.mark.parametrize(("presentation", "language", "scheme"), LOOKS)
def test_what_is_asked_can_be_seen_and_read(
    stack: Stack, reader: BrowserContext, presentation: str, language: str, scheme: Scheme
) -> None:
    page = shown(reader, stack, presentation, language)
    page.emulate_media(color_scheme=scheme)
    layer = first_layer(page)

    expect(layer.locator(".cm-actions button")).to_have_text(LABELS[language])
    allow, refuse, choose = looks(layer.locator(".cm-actions button"))
    assert allow["look"] == refuse["look"]
    # In Japan all three.
    assert (choose["look"] == allow["look"]) == (language == "ja")
    assert all(one["height"] >= 44 and one["contrast"] >= 5 for one in (allow, refuse, choose))
    assert layer.evaluate(SMALL) == []
    assert violations(page) == []

    layer.get_by_role("button", name=LABELS[language][2], exact=True).click()
    dialog = preferences(page)
    expect(dialog).to_be_visible()
    answers = looks(dialog.locator(".cm-actions button"))
    assert len({one["look"] for one in answers}) == 1
    assert all(one["height"] >= 44 and one["contrast"] >= 5 for one in answers)
    tabs = dialog.get_by_role("tab")
    expect(tabs).to_have_count(3)
    for tab in tabs.all():
        tab.click()
        expect(dialog.get_by_role("tabpanel")).to_have_count(1)
        assert dialog.evaluate(SMALL) == []
        assert violations(page) == []


@pytest.mark.parametrize(
    ("path", "scheme"),
    [
        ("/demo/journal/", "dark"),
        ("/demo/en/journal/", "light"),
        ("/preferences/kloset/?lang=ja", "light"),
        ("/preferences/kloset/?lang=en", "dark"),
        ("/first-layer/kloset/?lang=ja", "dark"),
        ("/first-layer/kloset/?lang=en", "light"),
    ],
)
def test_other_pages_can_be_seen_and_read(
    stack: Stack, reader: BrowserContext, path: str, scheme: Scheme
) -> None:
    page = reader.new_page()
    page.emulate_media(color_scheme=scheme)
    page.goto(stack.url(path))
    if "journal" in path:
        place = page.locator(".cm-embed")
        expect(place).to_be_visible()
        assert place.evaluate(SMALL) == []
        once, always = looks(place.locator("button"))
        assert once["look"] == always["look"]
        assert once["height"] >= 44
        assert once["contrast"] >= 5
    if "first-layer" in path:
        expect(page.locator("form.layer .actions > *")).to_have_count(3)

    assert violations(page) == []


def test_the_bar_waits_for_the_keyboard(stack: Stack, reader: BrowserContext) -> None:
    page = shown(reader, stack)
    assert focused(page)["inside"] == "body"
    order = page.evaluate(
        """() => [document.body.firstElementChild.id,
          document.body.firstElementChild.shadowRoot.firstElementChild.className]"""
    )
    assert order == ["cm-root", "cm-bar"]

    reached = [press_key(page, "Tab") for _ in range(5)]
    assert [one["inside"] for one in reached] == ["cm-bar"] * 4 + ["page"]
    assert [one["text"] for one in reached[1:4]] == [*LABELS["ja"]]

    page.keyboard.press("Shift+Tab")
    assert press_key(page, "Escape") == {"inside": "cm-bar", "text": LABELS["ja"][2]}
    expect(first_layer(page)).to_be_visible()
    assert not has_decided(page)

    # Its end is said, and the focus is not lost with it.
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(first_layer(page)).to_have_count(0)
    expect(page.locator("#cm-root .cm-corner")).to_be_focused()
    toast = page.locator("#cm-root").get_by_role("status")
    expect(toast).not_to_be_empty()
    expect(toast).to_be_visible()


def test_the_preferences_keep_the_focus_and_give_it_back(
    stack: Stack, reader: BrowserContext
) -> None:
    page = shown(reader, stack)
    opener = named(page, LABELS["ja"][2])
    opener.focus()
    page.keyboard.press("Enter")
    dialog = preferences(page)
    expect(dialog).to_be_visible()
    expect(page.get_by_role("dialog", name="送る情報を選ぶ")).to_be_visible()
    assert focused(page)["inside"] == "cm-dialog"

    # Round and round: only the dialog, and what the browser has around the page.
    walked = [press_key(page, "Tab")["inside"] for _ in range(40)]
    assert {*walked} <= {"cm-dialog", "body"}
    assert walked.count("body") < 5

    tabs = dialog.get_by_role("tab")
    panel = dialog.get_by_role("tabpanel")
    tabs.first.focus()
    for key, to in [
        ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowRight", 0), ("ArrowLeft", 2), ("Home", 0),
        ("End", 2),
    ]:  # fmt: skip
        page.keyboard.press(key)
        expect(tabs.nth(to)).to_be_focused()
        expect(tabs.nth(to)).to_have_attribute("aria-selected", "true")
        expect(panel).to_have_accessible_name(tabs.nth(to).inner_text())
    assert press_key(page, "Tab")["inside"] == "cm-dialog"

    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
    assert not has_decided(page)

    # What opened it may also be the button that stays.
    named(page, LABELS["ja"][1]).press("Enter")
    corner = page.locator("#cm-root .cm-corner")
    expect(corner).to_be_visible()
    # Once the service has acknowledged it, nothing but a choice changes what is stored.
    until(page, r"/cm_choices=1\.\d+\.\d+\.[01]\./.test(document.cookie)", True)
    before = choices(page)
    corner.press("Enter")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(corner).to_be_focused()
    assert choices(page) == before


def test_a_modal_question_can_be_left_without_an_answer(
    stack: Stack, reader: BrowserContext
) -> None:
    page = shown(reader, stack, "dialog")
    modal = page.locator("#cm-root dialog.cm-modal")
    expect(modal).to_have_accessible_name(first_layer(page).locator("h2").inner_text())
    assert focused(page)["inside"] in {"cm-modal", "cm-bar"}
    walked = [press_key(page, "Tab")["inside"] for _ in range(10)]
    assert {*walked} <= {"cm-modal", "cm-bar", "body"}

    # The preferences lie over it and give the focus back to it.
    opener = named(page, LABELS["ja"][2])
    opener.press("Enter")
    expect(preferences(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(preferences(page)).to_have_count(0)
    expect(opener).to_be_focused()

    page.keyboard.press("Escape")
    expect(modal).to_have_count(0)
    assert not has_decided(page)
    page.reload()
    expect(first_layer(page)).to_be_visible()


@pytest.mark.parametrize(
    ("presentation", "language"), [("bar", "ja"), ("bar", "en"), ("card", "ja"), ("card", "en")]
)
def test_on_the_smallest_phone_nothing_has_to_be_dragged_sideways(
    stack: Stack, reader: BrowserContext, presentation: str, language: str
) -> None:
    page = shown(reader, stack, presentation, language)
    page.set_viewport_size({"width": 320, "height": 640})

    box = first_layer(page).bounding_box()
    assert box is not None
    assert box["height"] <= 0.4 * 640
    assert page.evaluate(SIDEWAYS) == []
    assert first_layer(page).evaluate(SMALL) == []

    # 320 × 256 is what a window of 1280 × 1024 is at 400 % (WCAG 1.4.10).
    for height in (640, 256):
        page.set_viewport_size({"width": 320, "height": height})
        named(page, LABELS[language][2]).click()
        dialog = preferences(page)
        expect(dialog).to_be_visible()
        for tab in dialog.get_by_role("tab").all():
            tab.click()
            assert page.evaluate(SIDEWAYS) == []
            assert dialog.evaluate(SMALL) == []
        last = dialog.get_by_role("tabpanel").get_by_role("switch").last
        last.focus()
        expect(last).to_be_in_viewport(ratio=1)
        for button in dialog.locator(".cm-actions button").all():
            button.focus()
            expect(button).to_be_in_viewport(ratio=1)
        # Not in a slit of its own where there is no room for one.
        list_scrolls = "node => node.scrollHeight > node.clientHeight"
        assert dialog.locator(".cm-panels").evaluate(list_scrolls) == (height == 640)
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (320, 640)])
def test_nothing_that_has_the_focus_is_behind_the_bar(
    stack: Stack, reader: BrowserContext, width: int, height: int
) -> None:
    """WCAG 2.4.11, and more: nothing of it is hidden."""
    page = shown(reader, stack)
    page.set_viewport_size({"width": width, "height": height})
    # The shop scrolls smoothly.
    page.emulate_media(reduced_motion="reduce")
    until(page, "!!document.documentElement.style.scrollPaddingBottom", True)

    hidden = page.evaluate(
        """async () => {
          const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
          const bar = document.querySelector("#cm-root").shadowRoot.querySelector(".cm-bar");
          const found = [];
          for (let i = 0; i < 3; i++) await frame();
          for (const link of document.querySelectorAll("body > :not(#cm-root) :is(a, button)")) {
            if (!link.checkVisibility()) continue;
            link.focus();
            await frame();
            const [over, under] = [bar, link].map(node => node.getBoundingClientRect());
            if (over.top < under.bottom && under.top < over.bottom) found.push(link.innerText);
          }
          return found;
        }"""
    )

    assert hidden == []
    end = page.locator("footer a").last
    expect(end).to_be_focused()


def test_who_wants_no_motion_gets_none(stack: Stack, reader: BrowserContext) -> None:
    page = shown(reader, stack)
    page.emulate_media(reduced_motion="reduce")
    named(page, LABELS["ja"][2]).click()
    expect(preferences(page)).to_be_visible()

    moving = page.evaluate(
        """() => [...document.querySelector("#cm-root").shadowRoot.querySelectorAll("*")]
          .flatMap(node => ["", "::before", "::after", "::backdrop"].map(part => [node, part]))
          .filter(([node, part]) => {
            const style = getComputedStyle(node, part);
            return /[1-9]/.test(style.transitionDuration + style.animationDuration);
          })
          .map(([node, part]) => node.className + part)"""
    )

    assert moving == []
    assert page.evaluate("document.getAnimations().length") == 0


def test_the_systems_own_colours_leave_everything_to_be_seen(
    stack: Stack, reader: BrowserContext
) -> None:
    page = shown(reader, stack, language="en")
    page.emulate_media(forced_colors="active")
    border = """node => {
      const style = getComputedStyle(node);
      return style.borderTopStyle === "solid" && parseFloat(style.borderTopWidth) >= 1
        && style.borderTopColor !== style.backgroundColor;
    }"""
    for button in first_layer(page).locator("button").all():
        assert button.evaluate(border)
    assert first_layer(page).evaluate(border)
    named(page, LABELS["en"][2]).click()
    dialog = preferences(page)
    for button in dialog.locator(".cm-actions button").all():
        assert button.evaluate(border)

    switch = dialog.get_by_role("switch").first
    switch.focus()
    pictures = {}
    for is_on in (False, True):
        switch.set_checked(is_on)
        expect(switch).to_be_checked(checked=is_on)
        page.mouse.move(0, 0)
        pictures[is_on] = switch.screenshot()
    assert pictures[False] != pictures[True]
    selected, other = dialog.get_by_role("tab").all()[:2]
    edge = "node => getComputedStyle(node).borderBottomColor"
    assert selected.evaluate(edge) != other.evaluate(edge)
