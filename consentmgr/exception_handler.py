"""Every API error in one shape: {"code", "message", "fields"}."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from tracking.lib.errors import DomainError
from tracking.web.database import AWAY

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Translate an exception raised below an API view; None lets Django answer 500."""
    if isinstance(error, DomainError):
        return _answer(error.status, error.code, error.message, error.fields)
    if isinstance(error, AWAY):
        # Nothing was committed: the browser keeps the decision and sends it again.
        logger.error("database away: %s", type(error).__name__)
        response = _answer(503, "unavailable", "Nothing was stored; please send it again.", {})
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    if isinstance(error, Http404):
        return _answer(404, "not_found", "There is nothing at this address.", {})
    if isinstance(error, PermissionDenied):
        return _answer(403, "forbidden", "This is not allowed.", {})
    if isinstance(error, RequestDataTooBig):
        return _answer(413, "body_too_large", "The body is too large.", {})
    if isinstance(error, exceptions.ValidationError):
        return _answer(400, "invalid", "The request does not say what it must.", error.detail)
    if isinstance(error, exceptions.APIException):
        code = error.get_codes() if isinstance(error.detail, str) else error.default_code
        response = _answer(error.status_code, str(code), str(error.detail), {})
        if way_in := getattr(error, "auth_header", None):
            response["WWW-Authenticate"] = way_in
        if isinstance(error, exceptions.MethodNotAllowed):
            response["Allow"] = ", ".join(context["view"].allowed_methods)
        return response
    return None


def _answer(status: int, code: str, message: str, fields: object) -> Response:
    if isinstance(fields, list):
        fields = {"non_field_errors": fields}
    return Response({"code": code, "message": message, "fields": fields}, status=status)
