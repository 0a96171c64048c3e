"""
A site's brand: a few values that change how banner and pages look. Pure.

`{"accent": "#1a5fb4", "surface": …, "text": …, "radius": "8px", "font": …}`, and for dark screens
`accent_dark`, `surface_dark`, `text_dark`. What is left out keeps our own value; a dark accent is
the light one, lightened until it can be read. Every value is checked before it is printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tracking.notices import contrast
from tracking.notices.contrast import Colour
from tracking.notices.types import Finding, Level

_COLOURS = ("accent", "surface", "text")
_DARK = "_dark"
_FAMILY = r"(?:\"[\w\- ]{1,60}\"|[\w\-]{1,60})"
_SHAPES = {
    "radius": re.compile(r"(?:\d|[12]\d|3[0-2])px"),
    # Names of families alone: nothing in them can end a declaration.
    "font": re.compile(rf"{_FAMILY}(?:, ?{_FAMILY}){{0,11}}"),
}
KEYS = (*_COLOURS, *(colour + _DARK for colour in _COLOURS), *_SHAPES)

# static/src/css/tokens.css, which a test compares.
_OURS = {
    "light": {
        "accent": "#1f3a5f", "surface": "#ffffff", "text": "#1c1d20", "ground": "#f6f5f2",
        "ok": "#23633f", "warn": "#8a4b00",
    },
    "dark": {
        "accent": "#a9c4ea", "surface": "#1c1e21", "text": "#f0f0ee", "ground": "#121315",
        "ok": "#83cda1", "warn": "#f0b76b",
    },
}  # fmt: skip
_ON_ACCENT = ("#ffffff", "#10161f")
_GROUND_SHARE, _MUTED_SHARE, _EDGE_SHARE = 0.04, 0.75, 0.54

# What has to be told from what, and how well: text and buttons 5:1 (more than WCAG 1.4.3 asks),
# small notes 4.5:1, rings and borders 3:1 (WCAG 1.4.11).
_PAIRS = (
    ("text", "surface", 5.0),
    ("text", "ground", 5.0),
    ("on_accent", "accent", 5.0),
    ("muted", "surface", 4.5),
    ("muted", "ground", 4.5),
    ("ok", "surface", 4.5),
    ("warn", "surface", 4.5),
    ("accent", "surface", 3.0),
    ("accent", "ground", 3.0),
    ("edge", "surface", 3.0),
)
_READABLE = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Palette:
    """Every colour of one mode, ours and derived ones included, and those that the site changes."""

    colours: Mapping[str, Colour]
    changed: tuple[str, ...]


def check_look(look: object) -> tuple[Finding, ...]:
    """Return what keeps this look from being published, with the contrast that was measured."""
    unreadable = tuple(_unreadable(look))
    if unreadable:
        return unreadable
    found = []
    for mode in _OURS:
        colours = _palette(look, mode).colours
        for front, back, least in _PAIRS:
            measured = contrast.ratio(colours[front], colours[back])
            if measured < least:
                values = {"front": front, "back": back, "mode": mode, "least": f"{least:g}"}
                # Rounded down: a ratio that is too low must not read as enough.
                values["ratio"] = f"{int(measured * 100) / 100:.2f}"
                found.append(
                    Finding(
                        rule="look_contrast",
                        check="WCAG 1.4.11" if least == 3 else "WCAG 1.4.3",
                        level=Level.STOP,
                        place=("look", front if front in _COLOURS else "accent", mode),
                        values=values,
                    )
                )
    return tuple(found)


def style_sheet(look: object, *, selector: str) -> str:
    """Return the look as CSS custom properties on `selector`; "" where the site changes nothing."""
    if not isinstance(look, Mapping) or any(_unreadable(look)):
        return ""
    light, dark = (_palette(look, mode) for mode in _OURS)
    declared = [_declare(light, light.changed)]
    if "radius" in look:
        declared.append(f"--cm-radius:{look['radius']};")
    if "font" in look:
        declared.append(f"--cm-font:{look['font']};--cm-font-latin:{look['font']};")
    # What is changed for light would also beat our own dark value, so dark says all of it again.
    both = tuple(dict.fromkeys((*light.changed, *dark.changed)))
    sheet = f"{selector}{{{''.join(declared)}}}" if any(declared) else ""
    if both:
        sheet += f"@media(prefers-color-scheme:dark){{{selector}{{{_declare(dark, both)}}}}}"
    return sheet


def _declare(palette: _Palette, names: Iterable[str]) -> str:
    return "".join(
        f"{_PROPERTIES[name]}:{contrast.to_hex(palette.colours[name])};" for name in names
    )


def _unreadable(look: object) -> Iterator[Finding]:
    if look is None or look == {}:
        return
    if not isinstance(look, Mapping):
        yield Finding(
            rule="look_unreadable", check="look", level=Level.STOP,
            place=("look",), values={"key": "look"},
        )  # fmt: skip
        return
    for key, value in look.items():
        shape = _SHAPES.get(key)
        is_good = (
            isinstance(value, str) and shape.fullmatch(value) is not None
            if shape
            else key in KEYS and contrast.parse(value) is not None
        )
        if not is_good:
            yield Finding(
                rule="look_unreadable", check="look", level=Level.STOP,
                place=("look", str(key)), values={"key": str(key)},
            )  # fmt: skip


def _palette(look: object, mode: str) -> _Palette:
    given = look if isinstance(look, Mapping) else {}
    suffix = _DARK if mode == "dark" else ""
    colours = {name: _known(text) for name, text in _OURS[mode].items()}
    changed = []
    for name in _COLOURS:
        if name + suffix in given:
            colours[name] = _known(given[name + suffix])
            changed.append(name)
    if mode == "dark" and "accent" in given and "accent_dark" not in given:
        colours["accent"] = _lightened(_known(given["accent"]), colours["surface"])
        changed.append("accent")
    if "surface" in changed or "text" in changed:
        colours["ground"] = contrast.mix(colours["text"], colours["surface"], _GROUND_SHARE)
        changed.append("ground")
    on_accent = [_known(text) for text in _ON_ACCENT]
    colours["on_accent"] = max(
        on_accent, key=lambda colour: contrast.ratio(colour, colours["accent"])
    )
    if "accent" in changed:
        changed.append("on_accent")
    colours["muted"] = contrast.mix(colours["text"], colours["surface"], _MUTED_SHARE)
    colours["edge"] = contrast.mix(colours["text"], colours["surface"], _EDGE_SHARE)
    return _Palette(colours=colours, changed=tuple(changed))


def _known(text: str) -> Colour:
    colour = contrast.parse(text)
    if colour is None:
        raise ValueError(f"{text!r} is no colour")
    return colour


def _lightened(accent: Colour, surface: Colour) -> Colour:
    white = _known("#ffffff")
    for percent in range(0, 100, 5):
        colour = contrast.mix(white, accent, percent / 100)
        if contrast.ratio(colour, surface) >= _READABLE:
            return colour
    return white


_PROPERTIES = {
    "accent": "--cm-accent",
    "on_accent": "--cm-on-accent",
    "surface": "--cm-paper",
    "ground": "--cm-ground",
    "text": "--cm-ink",
}
