"""What a strict page policy refuses is not in the scripts that a page is served."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DIST = Path(__file__).parents[2] / "static" / "dist"
SCRIPTS = sorted(path.relative_to(DIST).as_posix() for path in DIST.rglob("*.js"))

# Text that becomes code, markup or style by itself. Styles are set one property at a time, or as
# constructed sheets; what is made of text goes through io/script.ts and its policy alone.
REFUSED = re.compile(
    r"""\beval\b|\bFunction\s*\(|import\s*\(|\bset(?:Timeout|Interval)\s*\(\s*["'`]
    |\.(?:inner|outer)HTML\s*=|insertAdjacentHTML\s*\(|document\.write|createContextualFragment\(
    |\.srcdoc\b|javascript:|cssText|insertRule|createElement\(\s*["'`]style
    |setAttribute\(\s*["'`](?:style|on)|[{,]\s*["']?style["']?\s*:\s*["'`]""",
    re.VERBOSE,
)
# One stands in front of the page's own calls: it names them, and passes on what the page gave. The
# other says so of a font's and a number's style, which it draws on a canvas.
PASSES_ON = {"hold.js": {"createContextualFragment("}, "charts.js": {',style:"', '{style:"'}}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_served_script_makes_no_code_of_text(name: str) -> None:
    found = set(REFUSED.findall((DIST / name).read_text("utf-8")))

    assert found <= PASSES_ON.get(name, set())


def test_there_is_one_trusted_types_policy() -> None:
    """A page names one policy; a second of the same name would be refused."""
    makers = {name: (DIST / name).read_text("utf-8").count("createPolicy") for name in SCRIPTS}

    assert {name: times for name, times in makers.items() if times} == {"loader.js": 1}
