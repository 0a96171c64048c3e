"""The part of the script that tells vendors what was decided, for sites that declare any."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from tracking.registry.rules import load_vendors
from tracking.registry.types import Vendor


def read_vendors(content: Mapping[str, Any]) -> dict[str, str]:
    """
    Return the vendor of each tag that has one, by the tag's code.

    A script on the site's own server hears nothing of what a page says. Notices published before
    vendors were declared name none.
    """
    return {
        tag["code"]: tag["vendor"]
        for tag in content["tags"]
        if tag.get("vendor", Vendor.NONE) != Vendor.NONE and tag["transport"] == "client"
    }


def script_for(vendors: Mapping[str, str]) -> str:
    """
    Return what goes in front of the loader; nothing for a site without such vendors.

    A vendor without a consent call has no file of its own. It still counts: the rest must be able
    to say that its scripts go on until a reload.
    """
    if not vendors:
        return ""
    told = sorted({Vendor(vendor) for vendor in vendors.values()} & _having_a_call())
    return "".join(_read(name) for name in ("signals", *(f"vendors/{name}" for name in told)))


def _having_a_call() -> set[Vendor]:
    return {vendor for vendor, info in load_vendors().items() if info.natures}


@cache
def _read(name: str) -> str:
    return Path(settings.BASE_DIR, "static", "dist", f"{name}.js").read_text("utf-8")
