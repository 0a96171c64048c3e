"""What the page's script is served: code, wording and terms in one file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import brotli
from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from tracking.banner import models, signals
from tracking.consents import queries as consents
from tracking.consents.types import Choices
from tracking.experiments import queries as experiments
from tracking.experiments.types import Experiment
from tracking.gate import queries as gate
from tracking.gate import rules as gate_rules
from tracking.lib import languages
from tracking.lib.errors import DomainError
from tracking.lib.short_memory import remembered
from tracking.notices import look
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.regimes import rules as regimes
from tracking.regimes.types import Jurisdiction, Regime
from tracking.registry import queries as registry
from tracking.registry.types import HoldMode, Presentation, SiteInfo
from tracking.web.database import AWAY

logger = logging.getLogger(__name__)

# What the page says before anything more is fetched; the rest comes with the preferences.
FIRST_LAYER = (
    "banner_title", "banner_body", "banner_link", "allow", "refuse", "choose",
    "settings_link", "gpc_honoured", "offline_note", "saved",
)  # fmt: skip

# What the preference dialog says; it adds them to those of the first layer.
DIALOG = (
    "prefs_title", "prefs_lead", "tab_purposes", "tab_items", "tab_partners", "save", "allow_all",
    "refuse_all", "always_on", "close", "off_consequence", "on_by_notice", "saved_withdrawn",
    "reload_note", "role_self", "role_processor", "role_third_party", "role_joint_user",
    "policy_link", "optout_link",
)  # fmt: skip

# What it shows of each choice.
SHOWN = {
    "purposes": ("code", "name", "description"),
    "data_items": ("code", "name", "description"),
    "partners": (
        "code", "legal_name", "service_name", "country", "role", "policy_url", "optout_url", "tags",
    ),
}  # fmt: skip

# Scripts that the page's one line fetches when it needs them.
PARTS = ("act", "send", "later", "preferences", "debug", "views")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A served file in each encoding; `digest` is the beginning of a SHA-256 in hex."""

    plain: bytes
    gzip: bytes
    brotli: bytes
    digest: str

    @property
    def integrity(self) -> str:
        """Return what `integrity` of a script element says of it (Subresource Integrity)."""
        return f"sha384-{base64.b64encode(hashlib.sha384(self.plain).digest()).decode()}"


class UnknownScript(DomainError):
    code = "unknown_script"
    message = "There is no such script here."
    status = 404


def get_script(
    *,
    site_code: str,
    language: str = "",
    endpoint: str = "",
    place: Jurisdiction | None,
    now: datetime,
    is_pinned: bool = False,
) -> Script:
    """
    Return the script for one site in the regime of the visitor's country.

    It carries the words of all of the site's languages, or only those of the named one.
    `endpoint`: origin of the service, for a page that holds the script's text itself and so cannot
    tell from where it came. `is_pinned`: to stay as it is, so it says what its parts are, and
    nothing of today's overdue partners or experiment.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site_code)
    regime = _regime(site, place, now)
    spoken = languages.negotiate(language, notices.list_languages(notice)) if language else ""
    running = None if is_pinned else experiments.find_running(site_code=site_code, now=now)
    return _script(
        site_code=site_code,
        notice_id=notice.id,
        regime_code=regime.code,
        on=now.date(),
        language=spoken,
        endpoint=endpoint,
        overdue=() if is_pinned else tuple(sorted(gate.list_overdue_partners(site_id=site.id))),
        is_pinned=is_pinned,
        # Its arms vary the words of its own notice alone.
        experiment=running.code if running and running.notice == notice.number else "",
    )


# What each kind of visitor was last served, for as long as the process lives.
_last: dict[object, Script] = {}
_MOST_KINDS = 1024


def get_script_or_last(
    *, site_code: str, language: str, endpoint: str, place: Jurisdiction | None, now: datetime
) -> Script:
    """
    Return `get_script`, or while the database is away what it last was: without the script there
    is no question, and browsers use their old copy in such a time, too.

    :raises UnknownSite:
    :raises NoNotice:
    """
    kind = (site_code, language, endpoint, place)
    try:
        script = get_script(
            site_code=site_code, language=language, endpoint=endpoint, place=place, now=now
        )
    except AWAY as error:
        if kind not in _last:
            raise
        logger.error("database away, the last script is served: %s", type(error).__name__)
        return _last[kind]
    if len(_last) >= _MOST_KINDS:
        _last.clear()
    _last[kind] = script
    return script


@cache
def get_parts() -> dict[str, Script]:
    """
    Return the scripts that are fetched when they are needed, by name.

    Their digest is one for all: so a page's configuration names it once.
    """
    texts = {name: _dist(f"{name}.js").encode() for name in PARTS}
    digest = _digest(b"".join(texts.values()))[:10]
    return {name: _pack(text, digest) for name, text in texts.items()}


def get_fixed(*, name: str, digest: str) -> Script:
    """
    Return the script whose address names its content: a part, or a site's script that was pinned.

    A page that was built before an update and pinned nothing gets today's part, of another digest.

    :raises UnknownScript:
    """
    today = get_parts().get(name)
    if today is not None and today.digest == digest:
        return today
    try:
        return _get_pinned(name=name, digest=digest)
    except UnknownScript:
        if today is None:
            raise
        return today


@remembered(seconds=3600)
def _get_pinned(*, name: str, digest: str) -> Script:
    row = models.PinnedScript.objects.filter(
        Q(site__code=name) | Q(part=name), digest=digest
    ).first()
    if row is None:
        raise UnknownScript
    packed = bytes(row.body)
    plain = brotli.decompress(packed)
    return Script(plain=plain, gzip=_gzip(plain), brotli=packed, digest=row.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Everything the preference dialog shows, in one language, and this device's choices."""

    content: Mapping[str, Any]
    choices: Choices | None


def get_bootstrap(
    *,
    site_code: str,
    language: str,
    is_for_dialog: bool = False,
    token_text: str | None,
    place: Jurisdiction | None,
    keys: Mapping[str, bytes],
    now: datetime,
) -> Bootstrap:
    """
    Return what the second layer needs, in the language that suits best.

    `is_for_dialog`: without what the page's script has already, and what the dialog does not show.

    Words are there in every language of the product, names of purposes and partners only in the
    site's own: `language` is that of the words.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site_code)
    shown = languages.negotiate(language, notices.list_languages(notice))
    spoken = languages.negotiate(shown, notice.content["languages"])
    regime = _regime(site, place, now)
    words = _counted(notice, shown, regime)
    names = _in_language(notice, spoken)
    content: dict[str, object]
    if is_for_dialog:
        content = {
            "language": shown,
            "wording": {key: words[key] for key in DIALOG},
            **{
                kind: [{key: one[key] for key in keys} for one in names[kind]]
                for kind, keys in SHOWN.items()
            },
        }
    else:
        content = {
            "language": shown,
            **names,
            "site": site.code,
            "notice": {"number": notice.number, "hash": notice.hash},
            "regime": regime.as_json(),
            "presentation": _presentation(site, regime).value,
            "urls": {
                "preferences": reverse("preferences:page", kwargs={"site": site.code}),
                "transmission": reverse("preferences:transmission", kwargs={"site": site.code}),
            },
            "wording": words,
            "hold": {"mode": site.hold_mode.value, "hosts": _hosts(notice)},
        }
    return Bootstrap(
        content=content,
        choices=consents.find_choices(site_code=site_code, token_text=token_text, keys=keys),
    )


def _regime(site: SiteInfo, place: Jurisdiction | None, now: datetime) -> Regime:
    return regimes.resolve(place=place, site=site, on=now.date()).regime


@remembered(seconds=30)
def _script(
    *,
    site_code: str,
    notice_id: int,
    regime_code: str,
    on: date,
    language: str,
    endpoint: str,
    overdue: tuple[str, ...],
    is_pinned: bool,
    experiment: str,
) -> Script:
    site = registry.get_site(code=site_code)
    notice = notices.get_by_id(notice_id=notice_id)
    regime = regimes.get_regime(code=regime_code, on=on)
    spoken = [language] if language else notice.content["languages"]
    config = {**_config(site, notice, regime, spoken, overdue), "endpoint": endpoint}
    if site.counts_page_views:
        config["views"] = True
    if experiment:
        shown = experiments.get_shown(site_code=site_code, code=experiment)
        config |= _experiment(shown, site, notice, regime, spoken)
    if is_pinned:
        config["integrity"] = {name: part.integrity for name, part in get_parts().items()}
    return _pack(_join(config, notice).encode())


def get_preview(
    *,
    site_code: str,
    notice: Notice,
    language: str,
    endpoint: str,
    now: datetime,
    presentation: str = "",
) -> str:
    """
    Return the script's text for a notice that is not published, in the site's own country.

    `endpoint`: origin of the service. `presentation`: how it asks, where not as the site does.

    :raises UnknownSite:
    """
    site = registry.get_site(code=site_code)
    if presentation:
        site = replace(site, presentation=Presentation(presentation))
    config = _config(site, notice, _regime(site, None, now), [language], ())
    return _join({**config, "endpoint": endpoint}, notice)


def _join(config: Mapping[str, object], notice: Notice) -> str:
    """Return what is served: what the page must know, what runs before it, and the loader."""
    text = json.dumps(config, ensure_ascii=False, separators=(",", ":"))
    text = text.replace("\\", "\\\\").replace("'", "\\'")
    # Safe inside a script whatever the texts hold: no tag can end it, no line separator break it.
    for character in "<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    before = _dist("hold.js") if "hold" in config else ""
    before += _dist("experiment.js") if "experiment" in config else ""
    before += signals.script_for(signals.read_vendors(notice.content))
    # An engine reads data faster as JSON than as code.
    code = f"const CM_CONFIG=JSON.parse('{text}');\n{before}{_dist('loader.js')}"
    # Chromium then compiles it beside the page's work instead of function by function in it.
    return f"//# allFunctionsCalledOnLoad\n(()=>{{{code}}})();\n"


def _digest(plain: bytes) -> str:
    return hashlib.sha256(plain).hexdigest()[:20]


# Not again for what has not changed when a memory runs out: a first paint would wait 40 ms for it.
@lru_cache(maxsize=128)
def _pack(plain: bytes, digest: str = "") -> Script:
    return Script(
        plain=plain,
        gzip=_gzip(plain),
        brotli=brotli.compress(plain, quality=11),
        digest=digest or _digest(plain),
    )


def _gzip(plain: bytes) -> bytes:
    return gzip.compress(plain, 9, mtime=0)


@cache
def _dist(name: str) -> str:
    return Path(settings.BASE_DIR, "static", "dist", name).read_text("utf-8")


def _config(
    site: SiteInfo,
    notice: Notice,
    regime: Regime,
    spoken: Sequence[str],
    overdue: tuple[str, ...],
) -> dict[str, object]:
    """Return what static/src/core/types.ts calls Config, without the endpoint."""
    terms = notice.terms
    others = set(notices.list_languages(notice)) - set(spoken)
    return {
        "site": site.code,
        "notice": notice.number,
        "presentation": _presentation(site, regime).value,
        "wording": {language: _first_layer(notice, language, regime) for language in spoken},
        "more_languages": sorted(others),
        "ids": {
            choice: [number, terms.material_since[choice]]
            for choice, number in notice.numbers.items()
        },
        "signalled": gate_rules.list_signalled_ids(natures=terms.natures, regime=regime),
        "outlives": regime.signal_grant_outlives,
        "renew_days": {
            "granted": regime.renew_days_granted,
            "refused": regime.renew_days_refused,
        },
        "tags": _page_tags(notice, regime, overdue),
        **_identifiers(notice),
        **_hold(site, notice),
        "styles": _styles(notice, _presentation(site, regime), spoken),
        "parts": get_parts()[PARTS[0]].digest,
    }


def _experiment(
    experiment: Experiment, site: SiteInfo, notice: Notice, regime: Regime, spoken: Sequence[str]
) -> dict[str, object]:
    """Return what each arm says and shows otherwise; nothing where nobody is asked."""
    published = _presentation(site, regime)
    if published is Presentation.LINK or experiment.ends_at is None:
        return {}
    said = {language: _first_layer(notice, language, regime) for language in spoken}
    arms: list[dict[str, object]] = []
    for arm in experiment.arms:
        varied = experiments.read_arm(notice, arm)
        found: dict[str, object] = {"code": arm.code, "share": arm.share}
        words = {
            language: {key: text for key, text in lines.items() if text != said[language][key]}
            for language in spoken
            for lines in (_first_layer(varied, language, regime),)
        }
        if words := {language: lines for language, lines in words.items() if lines}:
            found["wording"] = words
        asks = Presentation(arm.presentation) if arm.presentation else published
        if asks is not published:
            found |= {"presentation": asks.value, "styles": _styles(notice, asks, spoken)}
        arms.append(found)
    return {
        "experiment": {
            "code": experiment.code, "until": int(experiment.ends_at.timestamp()), "arms": arms,
        }
    }  # fmt: skip


def _styles(notice: Notice, presentation: Presentation, spoken: Sequence[str]) -> str:
    own = look.style_sheet(notice.content.get("look"), selector=":host")
    return styles_for(presentation, spoken) + own


def styles_for(presentation: Presentation, spoken: Sequence[str]) -> str:
    """Return what this first layer in these languages adds to the styles of a bar in English."""
    wanted = {"ja", "ko"} & {language.partition("-")[0] for language in spoken}
    names = sorted(wanted) if presentation is Presentation.BAR else ["card", *sorted(wanted)]
    return "".join(_dist(f"{name}.css") for name in names)


def _hold(site: SiteInfo, notice: Notice) -> dict[str, object]:
    """Return by what unmarked requests are held; nothing where the site only observes."""
    if site.hold_mode not in {HoldMode.PERMISSIVE, HoldMode.STRICT}:
        return {}
    return {
        "hold": {
            "strict": site.hold_mode is HoldMode.STRICT,
            "replays": site.replays_held,
            "hosts": _hosts(notice),
        }
    }


def _identifiers(notice: Notice) -> dict[str, object]:
    """Return in which cookies partners keep what they call a browser; nothing where none do."""
    found = {
        code: cookies
        for code, partner in notice.terms.partners.items()
        if (cookies := {kind: name for kind, name in partner.identifiers.items() if name})
    }
    return {"identifiers": found} if found else {}


def _hosts(notice: Notice) -> dict[str, list[str]]:
    return {tag["code"]: tag["hosts"] for tag in notice.content["tags"] if tag["hosts"]}


def _presentation(site: SiteInfo, regime: Regime) -> Presentation:
    return regimes.presentation_in(regime=regime, wanted=site.presentation)


def _first_layer(notice: Notice, language: str, regime: Regime) -> dict[str, str]:
    words = _counted(notice, language, regime)
    return {key: words[key] for key in FIRST_LAYER}


def _counted(notice: Notice, language: str, regime: Regime) -> dict[str, str]:
    """
    Return all words in one language, with the number of partners where they name it.

    They say what this regime wants said; the page has one text for it.
    """
    partners = {tag.partner for tag in notice.terms.tags.values() if not tag.is_exempt}
    wording = regime.word(notices.get_wording(notice, language))
    return {key: text.replace("{partners}", str(len(partners))) for key, text in wording.items()}


def _page_tags(
    notice: Notice, regime: Regime, overdue: tuple[str, ...]
) -> dict[str, dict[str, object]]:
    content, terms = notice.content, notice.terms
    vendors = signals.read_vendors(content)
    reduced = gate_rules.reduce_tags(terms=terms, regime=regime, overdue=overdue)
    found: dict[str, dict[str, object]] = {}
    for tag in content["tags"]:
        code = tag["code"]
        if code not in reduced:
            continue
        extra: dict[str, object] = {
            "cookies": [cookie["name"] for cookie in tag["cookies"]],
            "storage_keys": tag["storage_keys"],
            "loader_url": tag["loader_url"],
        }
        if code in vendors:
            extra["vendor"] = vendors[code]
            extra["natures"] = sorted({terms.natures[purpose] for purpose in tag["purposes"]})
        found[code] = reduced[code].as_json() | {k: v for k, v in extra.items() if v}
    return found


def _in_language(notice: Notice, language: str) -> dict[str, Any]:
    content = notice.content
    tags = content["tags"]
    return {
        "company": {
            key: value.get(language, "") if isinstance(value, dict) else value
            for key, value in content["company"].items()
        },
        "purposes": [
            {
                "code": purpose["code"],
                "number": purpose["number"],
                "nature": purpose["nature"],
                "name": purpose["name"][language],
                "description": purpose["description"][language],
                "is_necessary": purpose["nature"] == "necessary",
                "policy_codes": purpose["policy_codes"],
            }
            for purpose in content["purposes"]
        ],
        "data_items": [
            {
                "code": item["code"],
                "number": item["number"],
                "name": item["name"][language],
                "description": item["description"].get(language, ""),
                "is_article9": item["is_article9"],
            }
            for item in content["data_items"]
            if f"item:{item['code']}" in notice.asked_ids
        ],
        "partners": [
            {
                "code": partner["code"],
                "number": partner["number"],
                "legal_name": partner["legal_name"][language],
                "service_name": partner["service_name"].get(language, ""),
                "country": partner["country"],
                "role": partner["role"],
                "policy_url": partner["policy_url"],
                "optout_url": partner["optout_url"],
                **_received(tags, partner["code"], language),
            }
            for partner in content["partners"]
            if f"partner:{partner['code']}" in notice.asked_ids
        ],
    }


def _received(tags: list[dict[str, Any]], partner: str, language: str) -> dict[str, object]:
    own = [tag for tag in tags if tag["partner"] == partner and not tag["exemption_code"]]
    return {
        field: sorted({code for tag in own for code in tag[field]})
        for field in ("purposes", "required_items", "optional_items")
    } | {"tags": [{"code": tag["code"], "name": tag["name"][language]} for tag in own]}
