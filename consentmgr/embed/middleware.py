"""The lines of `snippets`, put into pages whose templates cannot be touched."""

from __future__ import annotations

import re

from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from . import snippets

_ATTRIBUTES = rb"""(?:\s(?:"[^"]*"|'[^']*'|[^>"'])*)?"""
# What looks like a tag inside comments, scripts and other raw text is none.
_RAW = rb"<!--.*?-->|<(script|style|template|title|textarea|noscript)\b.*?</\1\s*>"
_HEAD = re.compile(_RAW + rb"|(?P<tag><head" + _ATTRIBUTES + rb">)", re.DOTALL | re.IGNORECASE)
_BODY = re.compile(_RAW + rb"|(?P<tag><body" + _ATTRIBUTES + rb">)", re.DOTALL | re.IGNORECASE)


class ConsentMiddleware(MiddlewareMixin):
    """
    Insert the script and the frame into every HTML page that has none yet.

    Place it last, below everything that compresses pages or sets their policy. Streamed and encoded
    answers, and those without `<head>` or `<body>` such as fragments, are left as they are.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if (
            not isinstance(response, HttpResponse)
            or response.streaming
            or response.has_header("Content-Encoding")
            or not response.get("Content-Type", "").lower().startswith("text/html")
        ):
            return response
        charset = response.charset or "utf-8"
        page: bytes = response.content
        if not snippets.has_body(page) and (at := _end_of(_BODY, page)):
            page = page[:at] + _encode(snippets.body(), charset) + page[at:]
        if not snippets.has_head(page) and (at := _end_of(_HEAD, page)):
            # A nonce that is read is a nonce in the policy: only for a line that is written.
            line = snippets.head(nonce=snippets.read_nonce(request))
            page = page[:at] + _encode(line, charset) + page[at:]
        if len(page) != len(response.content):
            response.content = page
            if response.has_header("Content-Length"):
                response["Content-Length"] = str(len(page))
        return response


def _end_of(pattern: re.Pattern[bytes], page: bytes) -> int | None:
    """Return where the tag ends, or None where there is none."""
    found = (match for match in pattern.finditer(page) if match["tag"])
    return next((match.end() for match in found), None)


def _encode(line: str, charset: str) -> bytes:
    return line.encode(charset, "xmlcharrefreplace")
