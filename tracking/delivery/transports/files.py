"""What the transports share that put files where partners fetch them: names, formats, settings."""

from __future__ import annotations

from datetime import UTC, datetime

from tracking.delivery.transports import listing
from tracking.delivery.types import Parcel, Setting

_USUAL_NAME = "withdrawals-{time}-{digest}"
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}

FORMAT = Setting(
    code="format",
    label={"ja": "ファイルの形式", "en": "Format"},
    help={
        "ja": "csv か jsonl を書きます。書かなければ csv です。",
        "en": "csv or jsonl; csv if left out.",
    },
    pattern="csv|jsonl",
    example="csv",
    is_required=False,
)
NAME = Setting(
    code="name",
    label={"ja": "ファイル名の形", "en": "File name"},
    help={
        "ja": "{digest} を必ず入れます。{time} と {date} も使えます。拡張子は付けません。"
        f"書かなければ {_USUAL_NAME} です。",
        "en": "It must hold {digest} and may hold {time} and {date}; without an extension. "
        f"{_USUAL_NAME} if left out.",
    },
    # No way out of the folder, and nothing that a URL or a shell would read in its own way.
    pattern=r"(?![/.])(?!.*(/[/.]|\.\.|/$))(?=.*\{digest\})"
    r"([A-Za-z0-9._/-]|\{(time|date|digest)\}){1,200}",
    example="consent/{date}/withdrawals-{time}-{digest}",
    is_required=False,
)


def name(parcel: Parcel) -> str:
    """
    Return the file's name, made of nothing but the messages: sent again, they are the same file.

    `{time}` is that of the newest message in UTC, such as 20260401T150000Z.
    """
    stamps = [datetime.fromisoformat(message.payload["timestamp"]) for message in parcel.messages]
    newest = max(stamps).astimezone(UTC)
    text = parcel.place.settings.get("name") or _USUAL_NAME
    for word, value in {
        "{time}": f"{newest:%Y%m%dT%H%M%SZ}",
        "{date}": f"{newest:%Y-%m-%d}",
        "{digest}": listing.digest(parcel.messages)[:16],
    }.items():
        text = text.replace(word, value)
    return f"{text}.{_format(parcel)}"


def content(parcel: Parcel) -> bytes:
    write = listing.as_csv if _format(parcel) == "csv" else listing.as_jsonl
    return write(parcel.messages)


def content_type(parcel: Parcel) -> str:
    return _TYPES[_format(parcel)]


def _format(parcel: Parcel) -> str:
    return parcel.place.settings.get("format") or "csv"
