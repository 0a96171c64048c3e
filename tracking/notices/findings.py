"""Findings in words. Pure."""

from __future__ import annotations

from tracking.notices.types import Finding


def describe(finding: Finding, language: str) -> str:
    """Return what is to be mended, in one of the console's languages."""
    return finding.values["text"]
