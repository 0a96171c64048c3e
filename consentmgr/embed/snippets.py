"""
The lines that a page holds. The same for every visitor, so that pages can be cached: what differs
between visitors is decided by the script, and in the frame.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from .script_text import get_script_text
from .service import get_service, page_language

try:
    from django.middleware.csp import get_nonce
except ImportError:  # Django before 6
    get_nonce = None  # type: ignore[assignment]

_SCRIPT = "/b/{site}.js"
_INLINE_MARK = "data-cm-inline"
_FRAME_CLASS = "cm-first-layer"

# The pages that the service publishes as parts, and what a link to them says.
_PARTS = {
    "external-transmission": ("利用者情報の外部送信について", "External transmission"),
    "cookies": ("クッキーの一覧", "List of cookies"),
    "partners": ("送り先の一覧", "List of partners"),
    "joint-use": ("情報の共同利用について", "Joint use"),
    "information": ("取得する情報の一覧", "Information we collect"),
}
# The last text of each, for the time that the service is away.
_last_parts: dict[str, str] = {}

_SETTINGS = {"ja": "送る情報の設定"}
_SETTINGS_ELSEWHERE = "Privacy choices"


def head(*, nonce: str = "", inline: bool = False) -> SafeString:
    """
    Return the script, first in `<head>`.

    `inline` puts its text into the page and saves the request before the banner. The text is the
    one of the regime that the service applies to the site's server; if the service does not give
    it within a second, the ordinary line stands there.
    """
    nonce_attribute = format_html(' nonce="{}"', nonce) if nonce else ""
    address = get_service().address(_SCRIPT)
    text = get_script_text(f"{address}?inline=1{_language('&')}") if inline else ""
    if text:
        return format_html(
            "<script {}{}>{}</script>",
            _INLINE_MARK,
            nonce_attribute,
            # The service's own script; `script_text` saw that it does not end the element.
            mark_safe(text),  # noqa: S308
        )
    return format_html('<script src="{}"{}></script>', address + _language("?"), nonce_attribute)


def has_head(page: bytes) -> bool:
    """Say whether a page has the script already, written by a template or by hand."""
    path = _SCRIPT.format(site=get_service().site)
    return path.encode() in page or _INLINE_MARK.encode() in page


def has_body(page: bytes) -> bool:
    """Say whether a page has the frame already."""
    return _FRAME_CLASS.encode() in page


def body() -> SafeString:
    """Return what browsers without scripts get, directly after `<body>`."""
    service = get_service()
    return format_html(
        '<noscript><link rel="stylesheet" href="{}">'
        '<iframe class="{}" src="{}" title="{}" referrerpolicy="no-referrer-when-downgrade">'
        "</iframe></noscript>",
        service.address("/first-layer/{site}.css"),
        _FRAME_CLASS,
        service.address("/first-layer/{site}/") + _language("?"),
        _settings_text(),
    )


def link(*, text: str = "", **attributes: str) -> SafeString:
    """Return the link to the settings; with scripts it opens them on the page itself."""
    return format_html(
        '<a href="{}" data-cm-open{}>{}</a>',
        get_service().address("/preferences/{site}/") + _language("?"),
        format_html_join("", ' {}="{}"', attributes.items()),
        text or _settings_text(),
    )


def part(*, name: str, heading: int = 2) -> SafeString:
    """
    Return a page that the service publishes, such as `cookies`, as a part of this one.

    It is asked for once a minute. While the service is away, what it last said stands; before it
    has said anything, a link to its own page does. `heading` is the level of its first heading.

    :raises ValueError: if there is no such page
    """
    if name not in _PARTS:
        raise ValueError(f"{name!r} is none of {', '.join(_PARTS)}")
    service = get_service()
    address = service.address(f"/{name}/{{site}}.html") + f"?heading={heading}{_language('&')}"
    text = get_script_text(address)
    if text.startswith("<section "):
        _last_parts[address] = text
    known = _last_parts.get(address, "")
    if known:
        return mark_safe(known)  # noqa: S308  # the service's own page
    japanese, english = _PARTS[name]
    return format_html(
        '<a href="{}">{}</a>',
        service.address(f"/{name}/{{site}}/") + _language("?"),
        japanese if page_language() == "ja" else english,
    )


def tag(*, code: str, markup: str) -> SafeString:
    """Return markup that waits for the gate; an empty one loads the address in the registry."""
    return format_html(
        '<template data-cm-tag="{}">{}</template>',
        code,
        mark_safe(markup),  # noqa: S308  # the template's own rendered lines
    )


def read_nonce(request: HttpRequest | None, given: object = None) -> str:
    """
    Return this answer's nonce, from the context (Django 6) or the request (django-csp), or "".

    Both are lazy and read as false until they are used, so only None means that there is none.
    """
    if given is None and request is not None:
        given = getattr(request, "csp_nonce", None)
        if given is None and get_nonce is not None:
            given = get_nonce(request)
    return "" if given is None else str(given)


def _language(separator: str) -> str:
    language = page_language()
    return f"{separator}lang={language}" if language else ""


def _settings_text() -> str:
    return _SETTINGS.get(page_language(), _SETTINGS_ELSEWHERE)
