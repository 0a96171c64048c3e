"""A site's brand: what can be read is printed, and only what can be told apart is published."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.factories.notices import whole
from tests.unit.notices.finding import stops
from tracking.notices import contrast, look

TOKENS = Path(__file__).parents[3] / "static" / "src" / "css" / "tokens.css"
NAMES = {
    "accent": "--cm-accent", "surface": "--cm-paper", "text": "--cm-ink", "ground": "--cm-ground",
    "ok": "--cm-ok", "warn": "--cm-warn",
}  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#000", "#fff", 21.0),
        ("#ffffff", "#FFFFFF", 1.0),
        # Well known: the lightest grey that 4.5:1 allows on white, the next one, and pure red.
        ("#767676", "#fff", 4.54),
        ("#777777", "#fff", 4.48),
        ("#ff0000", "#ffffff", 4.0),
    ],
)
def test_contrast_is_measured_as_wcag_says(one: str, other: str, expected: float) -> None:
    first, second = contrast.parse(one), contrast.parse(other)
    assert first is not None
    assert second is not None

    assert contrast.ratio(first, second) == pytest.approx(expected, abs=0.005)
    assert contrast.ratio(second, first) == contrast.ratio(first, second)


@pytest.mark.parametrize(
    "text", ["", "#12", "#1234", "#12345", "red", "#ggg", "#fff ", "#fff;", 7, None]
)
def test_what_is_no_colour_is_not_read(text: object) -> None:
    assert contrast.parse(text) is None


def test_colours_mix_as_in_css() -> None:
    assert contrast.to_hex(contrast.mix((0, 0, 0), (255, 255, 255), 0.54)) == "#757575"
    assert contrast.to_hex((26, 95, 180)) == "#1a5fb4"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_our_own_values_are_those_of_the_style_sheet(mode: str) -> None:
    light, dark = TOKENS.read_text("utf-8").split("@media (prefers-color-scheme: dark)")
    css = {"light": light, "dark": dark}[mode]

    for name, value in look._OURS[mode].items():
        assert f"{NAMES[name]}: {value};" in css
    on_accent = re.search(r"--cm-on-accent: (#\w+);", css)
    assert on_accent is not None
    assert on_accent[1] in look._ON_ACCENT


@pytest.mark.parametrize("share", [("muted", 75), ("edge", 54)])
def test_shades_are_those_of_the_style_sheet(share: tuple[str, int]) -> None:
    name, percent = share

    assert f"--cm-{name}: color-mix(in srgb, var(--cm-ink) {percent}%" in TOKENS.read_text("utf-8")
    assert getattr(look, f"_{name.upper()}_SHARE") == percent / 100


GOOD: list[dict[str, Any]] = [
    {},
    {"accent": "#1a5fb4"},
    {"accent": "#c2185b", "radius": "0px", "font": '"Noto Sans JP", sans-serif'},
    {"surface": "#fff8e7", "text": "#2b1d0e", "accent": "#7a3e00"},
    {"surface_dark": "#000", "text_dark": "#fff", "accent_dark": "#8ab4f8"},
    # Black could not be seen on a dark page; there it is lightened.
    {"accent": "#000"},
]


@pytest.mark.parametrize("given", GOOD)
def test_a_look_that_can_be_read_is_published(given: dict[str, str]) -> None:
    assert look.check_look(given) == ()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        # Yellow takes dark letters well and is lost on white all the same.
        ({"accent": "#ffff00"}, {
            ("accent", "surface", "light"), ("accent", "ground", "light")}),
        # Neither white nor black letters can be read on a middling grey.
        ({"accent": "#808080", "accent_dark": "#767676"}, {
            ("on_accent", "accent", "light"), ("on_accent", "accent", "dark")}),
        ({"text": "#888888"}, {
            ("text", "surface", "light"), ("text", "ground", "light"),
            ("muted", "surface", "light"), ("muted", "ground", "light"),
            ("edge", "surface", "light")}),
        ({"surface_dark": "#8a8a8a"}, {
            ("text", "surface", "dark"), ("text", "ground", "dark"),
            ("muted", "surface", "dark"), ("muted", "ground", "dark"),
            ("ok", "surface", "dark"), ("warn", "surface", "dark"),
            ("accent", "surface", "dark"), ("accent", "ground", "dark"),
            ("edge", "surface", "dark")}),
    ],
)  # fmt: skip
def test_a_look_that_cannot_be_read_is_stopped(
    given: dict[str, str], found: set[tuple[str, str, str]]
) -> None:
    stopped = look.check_look(given)

    assert {(v["front"], v["back"], v["mode"]) for v in (one.values for one in stopped)} == found
    for one in stopped:
        assert 1 <= float(one.values["ratio"]) < float(one.values["least"])
    assert {one[0] for one in stops({**whole(), "look": given})} == {"look_contrast"}


@pytest.mark.parametrize(
    "given",
    [
        {"accent": "red"},
        {"accent": "#fff;}body{display:none"},
        {"colour": "#123456"},
        {"radius": "33px"},
        {"radius": "8px;color:red"},
        {"radius": 8},
        {"font": "Arial;color:red"},
        {"font": '"Arial'},
        {"font": "url(x)"},
        {"font": "Arial}"},
        "#fff",
        ["#fff"],
    ],
)
def test_what_cannot_be_read_is_stopped_and_never_printed(given: Any) -> None:
    assert {one.rule for one in look.check_look(given)} == {"look_unreadable"}
    assert look.style_sheet(given, selector=":root") == ""


def test_a_look_becomes_custom_properties_for_light_and_dark() -> None:
    given = {"accent": "#1a5fb4", "radius": "8px", "font": "Georgia, serif"}

    assert look.style_sheet(given, selector=":root") == (
        ":root{--cm-accent:#1a5fb4;--cm-on-accent:#ffffff;"
        "--cm-radius:8px;--cm-font:Georgia, serif;--cm-font-latin:Georgia, serif;}"
        "@media(prefers-color-scheme:dark){:root{--cm-accent:#6a97ce;--cm-on-accent:#10161f;}}"
    )


def test_what_is_changed_for_light_screens_is_said_again_for_dark_ones() -> None:
    given = {"surface": "#fff8e7", "text": "#2b1d0e"}

    dark = look.style_sheet(given, selector=":host").split("@media")[1]
    assert "--cm-paper:#1c1e21;" in dark
    assert "--cm-ink:#f0f0ee;" in dark
    assert "--cm-ground:#121315;" in dark


@pytest.mark.parametrize("given", [None, {}])
def test_a_site_without_a_look_prints_nothing(given: Any) -> None:
    assert look.style_sheet(given, selector=":root") == ""
