"""Whatever a registry can hold: something may be found in it, nothing breaks."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.factories.notices import content
from tests.unit.notices.finding import find
from tracking.notices import findings, look

LANGUAGES = st.lists(st.sampled_from(["ja", "en", "de", "ar"]), unique=True)
KEYS = st.sampled_from(["ja", "en", "name", "email", "accent", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
CODES = st.sampled_from(
    ["id.cookie", "activity.url", "special.x", "analytics", "necessary", "adco", "?"]
)
MANY = st.lists(CODES, max_size=3)
# What PostgreSQL holds as JSON can be anything; codes, lists of texts and enums are typed.
FREE = {
    "purposes": ["name", "description"],
    "data_items": ["name", "description"],
    "joint_uses": ["scope", "purpose", "responsible_name", "responsible_address",
                   "responsible_representative"],
    "partners": ["legal_name", "service_name", "address", "representative", "confirmation",
                 "foreign_system", "foreign_measures"],
    "tags": ["name", "our_purpose", "their_purpose", "retention", "optout_effect", "cookies",
             "payload_fields"],
}  # fmt: skip
TYPED: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "purposes": {"policy_codes": MANY, "nature": st.sampled_from(["necessary", "analytics"])},
    "data_items": {"is_article9": st.booleans(), "named_in": st.text(max_size=3)},
    "joint_uses": {"items": MANY},
    "partners": {
        "country": st.sampled_from(["", "JP", "US"]),
        "role": st.sampled_from(["self", "processor", "third_party", "joint_user"]),
        "joint_use": st.sampled_from([None, "joint", "?"]),
        "foreign_basis": st.sampled_from(["", "consent", "adequate"]),
        "policy_url": st.sampled_from(["", "https://a.example/"]),
    },
    "tags": {
        "purposes": MANY, "required_items": MANY, "optional_items": MANY,
        "exemption_code": st.sampled_from(["", "22-2-30(1)", "x"]),
        "transport": st.sampled_from(["client", "server"]),
        "vendor": st.sampled_from(["none", "google", "meta"]),
        "is_linkable": st.booleans(), "is_own_use": st.booleans(),
        "hosts": st.lists(st.text(max_size=5), max_size=2),
    },
}  # fmt: skip


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    found = content(
        joint_uses=[{"code": "joint", "items": [], **dict.fromkeys(FREE["joint_uses"], {})}]
    )
    found["languages"] = draw(LANGUAGES)
    found["company"] = draw(JSON)
    found["look"] = draw(JSON)
    words = st.dictionaries(
        st.sampled_from(["allow", "refuse", "banner_body", "banner_title", "x"]),
        JSON | st.text(alphabet="許可する。等<{}!ない1１ a", max_size=200),
    )
    found["wording"] = {language: draw(words) for language in found["languages"]}
    for table, fields in FREE.items():
        found[table] = found[table][: draw(st.integers(min_value=0, max_value=3))]
        for entry in found[table]:
            for field in fields:
                entry[field] = draw(JSON)
            for field, strategy in TYPED[table].items():
                entry[field] = draw(strategy)
    return found


@given(now=contents(), before=st.none() | contents())
def test_nothing_breaks(now: dict[str, Any], before: dict[str, Any] | None) -> None:
    for one in find(now, before):
        for language in ("ja", "en"):
            assert findings.describe(one, language)


@given(anything=JSON | st.dictionaries(st.sampled_from(look.KEYS), JSON | st.text()))
def test_a_look_that_is_printed_was_read(anything: Any) -> None:
    sheet = look.style_sheet(anything, selector=":root")

    assert not any(letter in sheet for letter in "<\\\n@/") or "@media(" in sheet
    assert sheet == "" or all(one.rule == "look_contrast" for one in look.check_look(anything))
