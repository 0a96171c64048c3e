"""DRF's door for request bodies: strict JSON or a clear refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from tracking.lib import strict_json


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "body_too_large"
    default_detail = f"The body is larger than {strict_json.MAX_BYTES // 1024} kB."


def read_body(stream: IO[Any]) -> bytes:
    """
    Return the bytes of a request's body.

    :raises BodyTooLarge: with more than `strict_json.MAX_BYTES` of them
    """
    body: bytes = stream.read(strict_json.MAX_BYTES + 1)
    if len(body) > strict_json.MAX_BYTES:
        raise BodyTooLarge
    return body


class StrictJSONParser(BaseParser):
    """Parse `application/json` and nothing else."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        charset = (media_type or "").partition("charset=")[2].strip('" ').lower()
        if charset not in {"", "utf-8"}:
            raise UnsupportedMediaType(media_type or "", "Only UTF-8 is read.")
        try:
            return strict_json.loads(read_body(stream))
        except strict_json.InvalidJSON as error:
            raise ParseError(str(error), code="invalid_json") from error


class TextJSONParser(StrictJSONParser):
    """The same, sent as text: a request that a browser sends to another origin without asking."""

    media_type = "text/plain"
