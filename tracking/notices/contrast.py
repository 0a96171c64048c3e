"""How well two colours can be told apart (WCAG 2.2, relative luminance). Pure."""

from __future__ import annotations

import re

# Red, green and blue, each 0 to 255.
Colour = tuple[float, float, float]

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")


def parse(text: object) -> Colour | None:
    """Return the colour that `#rgb` or `#rrggbb` names, None for anything else."""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        return None
    digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
    red, green, blue = (float(int(digits[start : start + 2], 16)) for start in (0, 2, 4))
    return red, green, blue


def to_hex(colour: Colour) -> str:
    """Return the colour as `#rrggbb`."""
    return "#" + "".join(f"{round(channel):02x}" for channel in colour)


def mix(front: Colour, back: Colour, share: float) -> Colour:
    """Return what CSS `color-mix(in srgb, front share, back)` gives; `share` is 0 to 1."""
    red, green, blue = (
        one * share + other * (1 - share) for one, other in zip(front, back, strict=True)
    )
    return red, green, blue


def ratio(one: Colour, other: Colour) -> float:
    """Return the contrast ratio, 1 to 21 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(channel / 255) for channel in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
