"""What the page's script is served: code, wording and terms in one file."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import brotli
from django.conf import settings
from django.templatetags.static import static
from django.urls import reverse

from tracking.consents import queries as consents
from tracking.consents.types import Choices
from tracking.gate import queries as gate
from tracking.lib.short_memory import remembered
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.regimes import rules as regimes
from tracking.regimes.types import Regime
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo

# What the first layer and the placeholders say; the rest comes with the preferences.
FIRST_LAYER = (
    "banner_title", "banner_body", "banner_link", "allow", "refuse", "choose", "settings_link",
    "gpc_honoured", "placeholder_title", "placeholder_body", "placeholder_once",
    "placeholder_always", "offline_note", "saved", "saved_withdrawn",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The served file in each encoding; `etag` is a quoted HTTP entity tag."""

    plain: bytes
    gzip: bytes
    brotli: bytes
    etag: str


def get_script(*, site_code: str, country_header: str, now: datetime) -> Script:
    """
    Return the script for one site in the regime of the visitor's country.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site_code)
    regime = _regime(site, country_header, now)
    return _script(
        site_code=site_code,
        notice_id=notice.id,
        regime_code=regime.code,
        overdue=tuple(sorted(gate.list_overdue_partners(site_id=site.id))),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Everything the preference dialog shows, in one language, and this device's choices."""

    content: Mapping[str, Any]
    choices: Choices | None


def get_bootstrap(
    *,
    site_code: str,
    language: str,
    token_text: str | None,
    country_header: str,
    keys: Mapping[str, bytes],
    now: datetime,
) -> Bootstrap:
    """
    Return what the second layer needs; an unknown language falls back to the site's first.

    :raises UnknownSite:
    :raises NoNotice:
    """
    site = registry.get_site(code=site_code)
    notice = notices.get_current(site_code=site_code)
    spoken = language if language in notice.content["languages"] else site.languages[0]
    return Bootstrap(
        content={
            "site": site.code,
            "notice": {"number": notice.number, "hash": notice.hash},
            "language": spoken,
            "regime": _regime(site, country_header, now).as_json(),
            "urls": _urls(site.code),
            **_in_language(notice, spoken),
        },
        choices=consents.find_choices(site_code=site_code, token_text=token_text, keys=keys),
    )


def _regime(site: SiteInfo, country_header: str, now: datetime) -> Regime:
    jurisdiction = regimes.find_jurisdiction(
        country_header=country_header, default_country=site.default_country
    )
    return regimes.resolve(jurisdiction=jurisdiction, profile=site.profile, on=now.date())


@remembered(seconds=30)
def _script(
    *, site_code: str, notice_id: int, regime_code: str, overdue: tuple[str, ...]
) -> Script:
    site = registry.get_site(code=site_code)
    notice = notices.get_by_id(notice_id=notice_id)
    regime = regimes.get_regime(code=regime_code)
    config = json.dumps(
        _config(site, notice, regime, overdue), ensure_ascii=False, separators=(",", ":")
    )
    # Safe inside a script whatever the texts hold: no tag can end it, no line separator break it.
    for character in "<>\u2028\u2029":
        config = config.replace(character, f"\\u{ord(character):04x}")
    plain = f"(()=>{{const CM_CONFIG={config};\n{_loader()}}})();\n".encode()
    return Script(
        plain=plain,
        gzip=gzip.compress(plain, 9, mtime=0),
        brotli=brotli.compress(plain, quality=11),
        etag=f'"{hashlib.sha256(plain).hexdigest()[:20]}"',
    )


@cache
def _loader() -> str:
    return Path(settings.BASE_DIR, "static", "dist", "loader.js").read_text("utf-8")


def _config(
    site: SiteInfo, notice: Notice, regime: Regime, overdue: tuple[str, ...]
) -> dict[str, object]:
    content, terms = notice.content, notice.terms
    partners = {tag.partner for tag in terms.tags.values() if not tag.is_exempt}
    return {
        "site": site.code,
        "endpoint": "",
        "notice": {"number": notice.number, "hash": notice.hash},
        "languages": content["languages"],
        "presentation": site.presentation.value,
        "wording": {
            language: {
                key: content["wording"][language][key].replace("{partners}", str(len(partners)))
                for key in FIRST_LAYER
            }
            for language in content["languages"]
        },
        "regime": regime.as_json(),
        "numbers": notice.numbers,
        "natures": terms.natures,
        "partners": {
            code: {"role": partner.role, "effective_at": partner.effective_at}
            for code, partner in terms.partners.items()
        },
        "partner_names": {
            partner["code"]: partner["legal_name"]
            for partner in content["partners"]
            if partner["code"] in partners
        },
        "material_since": terms.material_since,
        "tags": {
            tag["code"]: {
                "partner": tag["partner"],
                "purposes": tag["purposes"],
                "required_items": tag["required_items"],
                "optional_items": tag["optional_items"],
                "transport": tag["transport"],
                "exempt": bool(tag["exemption_code"]),
                "hosts": tag["hosts"],
                "cookies": [cookie["name"] for cookie in tag["cookies"]],
                "storage_keys": tag["storage_keys"],
                "name": tag["name"],
                "loader_url": tag["loader_url"],
            }
            for tag in content["tags"]
        },
        "overdue": overdue,
        "urls": _urls(site.code),
    }


def _urls(site_code: str) -> dict[str, str]:
    return {
        "preferences": reverse("preferences:page", kwargs={"site": site_code}),
        "transmission": reverse("preferences:transmission", kwargs={"site": site_code}),
        "preferences_js": static("consentmgr/preferences.js"),
    }


def _in_language(notice: Notice, language: str) -> dict[str, object]:
    content = notice.content
    tags = content["tags"]
    return {
        "wording": content["wording"][language],
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
