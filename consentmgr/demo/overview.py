"""The page that shows what the receivers got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string

from consentmgr.demo.catalogue import Receiver, read_names
from consentmgr.demo.ledger import Effect, Ledger, MessageEntry, RequestEntry
from consentmgr.demo.texts import get_texts

MOST_SHOWN = 6
_ZONE = ZoneInfo("Asia/Tokyo")
# Said in the line itself, so not once more among the fields.
_IN_THE_LINE = frozenset({"tag", "url", "referer", "event_source_url"})
_MESSAGE_TYPES = {
    "consent.revoked": "revoked",
    "consent.granted": "granted",
    "device.erased": "erased",
}


def render(*, language: str, shop: str, receivers: Sequence[tuple[Receiver, Ledger]]) -> str:
    """Return the overview as HTML."""
    texts = get_texts("overview", language)
    return render_to_string(
        "demo/overview.html",
        {
            "language": language,
            "other": "ja" if language == "en" else "en",
            "t": texts,
            "shop_url": f"{shop}/demo/" + ("en/" if language == "en" else ""),
            "receivers": [
                _receiver(receiver, ledger, language, texts) for receiver, ledger in receivers
            ],
        },
    )


def render_embed(*, language: str) -> str:
    """Return the frame that stands for a video."""
    return render_to_string(
        "demo/embed.html", {"language": language, "t": get_texts("overview", language)}
    )


def _receiver(
    receiver: Receiver, ledger: Ledger, language: str, texts: Mapping[str, str]
) -> dict[str, Any]:
    moments = [*(one.at for one in ledger.requests), *(one.at for one in ledger.messages)]
    tag_names = {tag.code: tag.name[language] for tag in receiver.tags}
    return {
        "code": receiver.partner,
        "legal_name": receiver.legal_name[language],
        "service_name": receiver.service_name[language],
        "role": texts[f"role_{receiver.role}"],
        "country": receiver.country,
        "host": receiver.host,
        "request_count": ledger.request_count,
        "message_count": ledger.message_count,
        "last_at": max(moments).astimezone(_ZONE).strftime("%H:%M:%S") if moments else "",
        "requests": [
            _request(entry, tag_names, texts) for entry in list(ledger.requests)[:MOST_SHOWN]
        ],
        "requests_more": _more(ledger.request_count, texts),
        "messages": [
            _message(entry, receiver, language, texts)
            for entry in list(ledger.messages)[:MOST_SHOWN]
        ],
        "messages_more": _more(ledger.message_count, texts),
    }


def _more(count: int, texts: Mapping[str, str]) -> str:
    return texts["more"].format(count=count - MOST_SHOWN) if count > MOST_SHOWN else ""


def _request(
    entry: RequestEntry, tag_names: Mapping[str, str], texts: Mapping[str, str]
) -> dict[str, Any]:
    address = urlsplit(str(entry.data.get("url") or entry.data.get("event_source_url", "")))
    return {
        "time": entry.at.astimezone(_ZONE).strftime("%H:%M:%S"),
        "reach": texts[f"reach_{entry.reach}"],
        "key": f"{entry.at.timestamp():.6f}",
        "tag": tag_names.get(entry.tag, entry.tag),
        "page": address.path if address.netloc else entry.path,
        "fields": [(name, value) for name, value in entry.data.items() if name not in _IN_THE_LINE],
    }


def _message(
    entry: MessageEntry, receiver: Receiver, language: str, texts: Mapping[str, str]
) -> dict[str, Any]:
    notes = []
    if entry.effect is Effect.REFUSED:
        notes.append(texts["refused"])
    elif entry.effect is Effect.OLDER:
        notes.append(texts["older"])
    if entry.times > 1:
        notes.append(texts["repeated"].format(count=entry.times))
    return {
        "time": entry.at.astimezone(_ZONE).strftime("%H:%M:%S"),
        "key": f"{entry.at.timestamp():.6f}",
        "type": texts[_MESSAGE_TYPES.get(entry.type, "message")],
        "is_revocation": entry.type in {"consent.revoked", "device.erased"},
        "is_verified": entry.is_verified,
        "version": texts["version"].format(version=entry.version)
        if entry.version is not None
        else "",
        "subject": entry.subject,
        "withdrawn": _names(entry.withdrawn, language, texts),
        "granted": _names(entry.granted, language, texts),
        "confirmation": _confirmation(entry, receiver, texts),
        "notes": notes,
    }


def _names(
    codes: Mapping[str, Sequence[str]], language: str, texts: Mapping[str, str]
) -> dict[str, str] | None:
    """Return purposes by name, and the data items as a count with the names behind it."""
    if not codes:
        return None
    names = read_names(language=language)
    separator = "、" if language == "ja" else ", "
    named = {
        kind: separator.join(names.get(code, code) for code in codes.get(kind, ()))
        for kind in ("purposes", "data_items")
    }
    count = len(codes.get("data_items", ()))
    return {**named, "count": texts["items_count"].format(count=count) if count else ""}


def _confirmation(entry: MessageEntry, receiver: Receiver, texts: Mapping[str, str]) -> str:
    if not entry.is_verified:
        return ""
    if receiver.confirms_by == "response":
        return texts["ack_none"]
    if entry.acknowledgement in {"waiting", "accepted"}:
        return texts[f"ack_{entry.acknowledgement}"]
    return texts["ack_failed"].format(reason=entry.acknowledgement)
