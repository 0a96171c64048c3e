"""The console's page of tokens."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from tracking.access import operations, page, queries, rules
from tracking.access.types import CHANGE_PERMISSION, PERMISSION, NewApiToken, TokenForm
from tracking.registry import queries as registry
from tracking.web import console

read = console.door(permission=PERMISSION, words=page.texts)
change = console.door(permission=CHANGE_PERMISSION, words=page.texts, refusal="forbidden_change")


@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponseBase:
    """Show the tokens, or make one: one address, so that its links lead back to the list."""
    return _create(request) if request.method == "POST" else _show(request)


@read
def _show(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    return _draw(request, frame, form=TokenForm())


@change
def _create(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Answer with the token itself: it is kept nowhere, so no page after this one can show it."""
    now = timezone.now()
    values = {name: _given(request, name) for name in ("name", "site", "lifetime")}
    scopes = frozenset(request.POST.getlist("scope"))
    try:
        made = operations.create_api_token(
            name=values["name"],
            scopes=scopes,
            site_code=values["site"],
            expires_at=rules.expiry(lifetime=values["lifetime"], now=now),
            actor=request.user.get_username(),
            now=now,
        )
    except operations.ApiTokenInvalid as error:
        form = TokenForm(values=values, scopes=scopes, faults=error.fields)
        return _draw(request, frame, form=form, status=400)
    return _draw(request, frame, form=TokenForm(), made=made)


@require_POST
@change
def revoke(request: HttpRequest, frame: console.Frame, *, token_id: int) -> HttpResponse:
    """End a token."""
    operations.revoke_api_token(
        token_id=token_id, actor=request.user.get_username(), now=timezone.now()
    )
    messages.success(request, frame["text"]["done_revoked"])
    return HttpResponseRedirect(f"{reverse('access:tokens')}?lang={frame['language']}")


def _draw(
    request: HttpRequest,
    frame: console.Frame,
    *,
    form: TokenForm,
    made: NewApiToken | None = None,
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    built = page.build_page(
        tokens=queries.list_api_tokens(now=now),
        sites=registry.list_sites(),
        form=form,
        made=made,
        origin=f"{request.scheme}://{request.get_host()}",
        language=frame["language"],
        now=now,
    )
    may_change = request.user.has_perm(CHANGE_PERMISSION)
    return render(
        request,
        "access/tokens.html",
        {**frame, "page": built, "may_change": may_change},
        status=status,
    )


def _given(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "").strip()[:2000]
