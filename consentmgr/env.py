"""Typed readers for the environment: they fail loudly and say what to do."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from tracking.lib.country_database import CountryDatabase, Unreadable

# Every variable the product reads, with the sentence the README prints about it.
DECLARED: dict[str, str] = {
    "DATABASE_URL": "PostgreSQL of the running service, `postgresql://user:password@host/name`.",
    "DATABASE_OWNER_URL": "Role that owns the tables, used by `migrate`; default `DATABASE_URL`.",
    "REDIS_URL": "Broker and rate-limit store, `redis://host:6379/0` or `unix:///path?db=0`.",
    "SECRET_KEY": "Django's secret, at least 50 random characters.",
    "CONSENT_KEYS": "`id:base64` pairs, comma separated, 32 bytes each; the first one signs.",
    "ALLOWED_HOSTS": "Host names this service answers to, comma separated.",
    "DEBUG": "`1` shows tracebacks; never in production.",
    "DEMO": "`1` adds the demo shop; never in production.",
    "PORT": "Port of `manage.py up` (8000).",
    "DATA_DIR": "Where `manage.py up` keeps data, keys and logs (`.data`).",
    "TRUSTED_COUNTRY_HEADER": "Header in which your proxy names the visitor's country.",
    "TRUSTED_REGION_HEADER": "And its region, as in ISO 3166-2 without the country (`CA`).",
    "NOTICE_REVIEW_BY_ANOTHER": "`1`: a notice is published by another person than submitted it.",
    "COUNTRY_DATABASE": "File (MMDB) with addresses' countries, where no header says them.",
    "TRUSTED_PROXY_HOPS": "How many of your proxies add to `X-Forwarded-For` (0: not read).",
    "FLOOD_LIMIT": "Requests a minute from one network that still count as people's (600; 0: any).",
    "COOKIE_SECURE": "`0` allows cookies over plain http; only for one machine.",
    "ALLOW_LOOPBACK_PARTNERS": "`1` lets partner messages go to this machine; demo and tests only.",
    "EMAIL_URL": "Mail server (partners, reports): `smtp://user:password@host:587` (STARTTLS), `smtps://…`.",
    "EMAIL_FROM": "Sender of mails, `Shop <privacy@shop.example>`.",
    "METRICS_TOKEN": "Bearer token that `/metrics` asks for; without one there is no such page.",
    "LOG_LEVEL": "Least severe level logged (INFO).",
}


def text(name: str, *, default: str | None = None) -> str:
    """
    Return the variable's value.

    :raises ImproperlyConfigured: if it is not set and has no default
    """
    if name not in DECLARED:
        raise ImproperlyConfigured(f"{name} is read but not declared in consentmgr/env.py.")
    value = os.environ.get(name, default)
    if value is None or (value == "" and default is None):
        raise ImproperlyConfigured(
            f"{name} is not set. {DECLARED[name]} (`python3 manage.py up` sets it for one machine.)"
        )
    return value


def flag(name: str, *, default: bool) -> bool:
    """Return a yes/no variable: 1, true, yes, on / 0, false, no, off."""
    value = text(name, default="1" if default else "0").lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; write 1 or 0.")


def number(name: str, *, default: int, most: int) -> int:
    """Return a whole number from 0 to `most`."""
    value = text(name, default=str(default))
    if not (value.isascii() and value.isdigit() and int(value) <= most):
        raise ImproperlyConfigured(f"{name} is {value!r}; write a number from 0 to {most}.")
    return int(value)


def country_database(name: str) -> Path | None:
    """
    Return the path of a file in the MaxMind DB format; the variable may be empty.

    :raises ImproperlyConfigured: if the file cannot be read, or names no countries
    """
    value = text(name, default="")
    if not value:
        return None
    try:
        CountryDatabase(Path(value))
    except Unreadable as error:
        raise ImproperlyConfigured(
            f"{name}: {error}. Leave it empty to do without (docs/regimes.md)."
        ) from error
    return Path(value)


def words(name: str, *, default: str) -> list[str]:
    """Return a comma-separated list without blanks."""
    return [word.strip() for word in text(name, default=default).split(",") if word.strip()]


def keys(name: str) -> dict[str, bytes]:
    """
    Return signing keys by id, in order; the first signs, all verify.

    :raises ImproperlyConfigured: if a key is shorter than 32 bytes or not base64
    """
    found: dict[str, bytes] = {}
    for pair in words(name, default=text(name)):
        key_id, _, encoded = pair.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if len(key) < 32 or not key_id.isalnum():
            raise ImproperlyConfigured(
                f"{name}: {key_id!r} needs 32 bytes in base64 after the colon."
            )
        found[key_id] = key
    return found


def database(name: str, *, default: str | None = None) -> dict[str, object]:
    """Return Django's settings for `postgresql://…`; `?host=/dir` names a socket folder."""
    parts = urlsplit(text(name, default=default))
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{name} must start with postgresql:// (got {parts.scheme!r}).")
    options: dict[str, object] = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or parts.hostname or ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mails are handed over; an empty host = nowhere. The password is not in its repr."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = field(default="", repr=False)
    is_starttls: bool = False
    is_tls: bool = False


# Scheme: its usual port, STARTTLS, TLS from the first byte.
_MAIL_SCHEMES = {
    "smtp": (587, True, False),
    "smtps": (465, False, True),
    "smtp+plain": (25, False, False),
}


def mail_server(name: str) -> MailServer:
    """
    Return the server that `smtp://user:password@host:port` names; the variable may be empty.

    `smtp` insists on STARTTLS, `smtps` is TLS from the start, `smtp+plain` has none and is for a
    relay on the same machine or network.

    :raises ImproperlyConfigured: for another scheme or without a host; it does not show the value
    """
    value = text(name, default="")
    if not value:
        return MailServer()
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in _MAIL_SCHEMES:
        raise ImproperlyConfigured(
            f"{name} must look like smtp://user:password@host:587 or smtps://user:password@host; "
            "smtp+plain://host is without encryption. Write / @ : in a password as %2F %40 %3A."
        )
    usual_port, is_starttls, is_tls = _MAIL_SCHEMES[parts.scheme]
    return MailServer(
        host=host,
        port=port or usual_port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        is_starttls=is_starttls,
        is_tls=is_tls,
    )


def celery_broker(url: str) -> str:
    """Return the address in kombu's spelling; it names a socket `redis+socket://…?virtual_host=0`."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    query: Mapping[str, str] = dict(parse_qsl(parts.query))
    return f"redis+socket://{parts.path}?virtual_host={query.get('db', '0')}"
