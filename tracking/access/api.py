"""How a call of the API says who asks: a session of the console, or a token."""

from __future__ import annotations

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from tracking.access import operations, rules
from tracking.access.types import ApiTokenInfo, Scope
from tracking.web.site import named_site


class ApiTokenRefused(AuthenticationFailed):
    default_code = "api_token_refused"
    default_detail = "This token is none, or it was revoked, or it has ended."


class ApiTokenPowerless(PermissionDenied):
    default_code = "api_token_powerless"
    default_detail = "This token is not for this call, or not for this site."


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer cmt_…` (RFC 6750). List it first: it names the way in of a 401."""

    def authenticate(self, request: Request) -> tuple[None, ApiTokenInfo] | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        known = operations.authenticate(token=token.strip(), now=timezone.now())
        if known is None:
            raise ApiTokenRefused
        return None, known

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionOrToken(BasePermission):
    """
    A token with `scope` for the site that is asked for; or somebody signed in with `permission`,
    asking from our own pages or from no page at all: a script on a shop's page must not read with a
    visiting colleague's session.
    """

    permission: ClassVar[str]
    scope: ClassVar[Scope]

    def has_permission(self, request: Request, view: APIView) -> bool:
        token = request.auth
        if isinstance(token, ApiTokenInfo):
            if not rules.is_allowed(token=token, scope=self.scope, site=named_site(request)):
                raise ApiTokenPowerless
            return True
        origin = request.headers.get("Origin")
        is_ours = origin is None or origin == f"{request.scheme}://{request.get_host()}"
        return is_ours and request.user is not None and request.user.has_perm(self.permission)


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tells the schema of it."""

    target_class = TokenAuthentication
    name = "apiToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token from the console, under “API tokens”.",
        }
