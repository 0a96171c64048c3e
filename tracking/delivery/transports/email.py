"""
One mail with a list for partners without an API, and one link by which they acknowledge.

Through Django's mail, so through the server that EMAIL_URL names. What is written follows nobody's
contract but ours: `docs/transports/email.md`. The list's name, the ticket and the Message-ID come
from the messages' keys alone: a mail that is sent again says that it is the same one.
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
import ssl
import time
from collections import Counter
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from tracking.delivery import links, wording
from tracking.delivery.transports import base, listing
from tracking.delivery.types import (
    AcknowledgeLink,
    AttemptOutcome,
    ConfirmsBy,
    Effect,
    Parcel,
    Profile,
    Reply,
    Setting,
)
from tracking.lib.moments import moment_text
from tracking.lib.outbound_http import TOTAL_SECONDS, OutboundClient

_ADDRESS = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}"
_ZONE = "Asia/Tokyo"
_MOST_ITEMS = 20

PROFILE = Profile(
    name="E-mail with a list",
    effect=Effect.TELL,
    erasure_effect=Effect.TELL,
    confirms_by=(ConfirmsBy.ACKNOWLEDGEMENT,),
    source="docs/transports/email.md",
    settings=(
        Setting(
            code="to",
            label={"ja": "宛先のアドレス", "en": "Address"},
            help={
                "ja": "取り消しに対応する担当部署のアドレスを1つ書きます。",
                "en": "One address, of the people who act on withdrawals.",
            },
            pattern=_ADDRESS,
            example="privacy@partner.example",
        ),
        Setting(
            code="language",
            label={"ja": "メールの言語", "en": "Language"},
            help={"ja": "ja か en を書きます。", "en": "ja or en."},
            pattern="ja|en",
            example="ja",
        ),
        Setting(
            code="site_name",
            label={"ja": "差出人としてのサイト名", "en": "Name of the site"},
            help={
                "ja": "件名と本文で名のる名前です。",
                "en": "What the mail calls the site.",
            },
            pattern=r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,60}",
            example="Shop",
        ),
        Setting(
            code="service_url",
            label={"ja": "このサービスのアドレス", "en": "Address of this service"},
            help={
                "ja": "メールのリンクの始まりになります。最後に / を付けません。",
                "en": "What the link in the mail begins with; no slash at its end.",
            },
            pattern=r"https?://[A-Za-z0-9.:\[\]-]{1,200}",
            example="https://consent.shop.example",
        ),
        Setting(
            code="zone",
            label={"ja": "時刻の地域", "en": "Time zone"},
            help={
                "ja": "書かなければ Asia/Tokyo です。",
                "en": "Asia/Tokyo if left out.",
            },
            pattern=r"[A-Za-z_]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,2}",
            example=_ZONE,
            is_required=False,
        ),
        Setting(
            code="reply_to",
            label={"ja": "お問い合わせ先のアドレス", "en": "Address for questions"},
            help={
                "ja": "返信の宛先になり、本文にも書かれます。",
                "en": "Replies go there, and the mail names it.",
            },
            pattern=_ADDRESS,
            example="privacy@shop.example",
            is_required=False,
        ),
    ),
    most_at_once=500,
    pause=timedelta(hours=1),
    has_url=False,
)


async def send(*, parcel: Parcel, client: OutboundClient) -> list[Reply]:
    """Send one mail about all of a parcel's messages; its ticket is the mail's own number."""
    if not (settings.EMAIL_HOST and settings.DEFAULT_FROM_EMAIL):
        return base.to_all(parcel, Reply(status=None, duration_ms=0, error="mail_not_set_up"))
    began = time.monotonic()
    ticket = listing.digest(parcel.messages)[:32]
    error, outcome = "", AttemptOutcome.ACCEPTED
    try:
        mail = _mail(parcel, ticket=ticket)
        await asyncio.wait_for(asyncio.to_thread(_hand_over, mail), TOTAL_SECONDS)
    except Exception as failure:
        error, outcome = _trouble(failure)
    reply = Reply(
        status=None,
        duration_ms=int((time.monotonic() - began) * 1000),
        error=error,
        outcome=outcome,
        ticket="" if error else ticket,
    )
    return base.to_all(parcel, reply)


WAY = base.Way(profile=PROFILE, send=send)


def _hand_over(mail: EmailMessage) -> None:
    # Closed here: after a failed beginning Django leaves it open.
    with contextlib.closing(get_connection()) as connection:
        connection.send_messages([mail])


def _mail(parcel: Parcel, *, ticket: str) -> EmailMessage:
    place = parcel.place
    text = wording.mail(language=place.settings["language"])
    site = place.settings["site_name"]
    count = len(parcel.messages)
    kinds = Counter(message.type for message in parcel.messages)
    erasures = kinds["device.erased"]
    due = _earliest_due(parcel)
    contact = place.settings.get("reply_to", "")
    link = AcknowledgeLink(
        site_id=place.site_id,
        partner=place.partner,
        ticket=ticket,
        messages=count,
        sent_at=parcel.attempted_at,
    )
    file = f"withdrawals-{ticket[:12]}.csv"
    _, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    mail = EmailMessage(
        subject=text["subject"].format(site=site, count=count, due=due),
        body=text["body"].strip().format(
            site=site,
            count=count,
            erasures=text["erasures"].format(count=erasures) if erasures else "",
            items=_items(parcel) or text["nothing"],
            due=due,
            file=file,
            link=links.address(
                link, service_url=place.settings["service_url"], keys=settings.CONSENT_KEYS
            ),
            contact=text["contact"].format(address=contact) if contact else "",
            ticket=ticket,
        )
        + "\n",
        to=[place.settings["to"]],
        reply_to=[contact] if contact else None,
        headers={
            "Message-ID": f"<{ticket}@{sender.rpartition('@')[2]}>",
            # RFC 3834: no automatic answers to this.
            "Auto-Submitted": "auto-generated",
        },
    )  # fmt: skip
    mail.attach(file, listing.as_csv(parcel.messages).decode(), "text/csv")
    return mail


def _items(parcel: Parcel) -> str:
    """Return what was withdrawn, the most frequent first."""
    counts = Counter(item for message in parcel.messages for item in listing.withdrawn(message))
    items = [item for item, _ in counts.most_common(_MOST_ITEMS)]
    return ", ".join([*items, "…"] if len(counts) > _MOST_ITEMS else items)


def _earliest_due(parcel: Parcel) -> str:
    """Return when the first message must have been acted on, in words; a dash if none says."""
    stamps = [str(message.payload.get("data", {}).get("due_at", "")) for message in parcel.messages]
    moments = [datetime.fromisoformat(stamp) for stamp in stamps if stamp]
    if not moments:
        return "-"
    zone = parcel.place.settings.get("zone") or _ZONE
    return moment_text(at=min(moments), zone=zone, language=parcel.place.settings["language"])


def _trouble(failure: Exception) -> tuple[str, AttemptOutcome]:
    """Return one word for what went wrong, and whether the answer was a final no (5xx)."""
    later = AttemptOutcome.UNREACHABLE
    match failure:
        case smtplib.SMTPAuthenticationError():
            return "auth", later
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in failure.recipients.values()]
            return "refused", _final(min(codes, default=0))
        case smtplib.SMTPConnectError():
            return "connect", later
        case smtplib.SMTPResponseException():
            return "refused", _final(failure.smtp_code)
        case smtplib.SMTPServerDisconnected():
            # The library says so of a silent server, too.
            is_silent = isinstance(failure.__context__, TimeoutError)
            return "timeout" if is_silent else "disconnected", later
        case smtplib.SMTPNotSupportedError():
            # Mostly: no STARTTLS where we insist on it.
            return "tls", later
        case TimeoutError():
            return "timeout", later
        case ssl.SSLError():
            return "tls", later
        case socket.gaierror():
            return "dns", later
        case OSError():
            return "connect", later
    return type(failure).__name__, later


def _final(code: int) -> AttemptOutcome:
    return AttemptOutcome.REJECTED if code >= 500 else AttemptOutcome.UNREACHABLE
