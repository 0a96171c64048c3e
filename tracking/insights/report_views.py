"""The page for reports by mail."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from tracking.insights import mailing, reports_page, subscription_operations, subscription_queries
from tracking.insights.subscriptions import (
    ADD_PERMISSION,
    CHANGE_PERMISSION,
    SEE_ALL_PERMISSION,
)
from tracking.insights.types import PERMISSION
from tracking.web import console

read = console.door(permission=PERMISSION, words=reports_page.texts)
add = console.door(permission=ADD_PERMISSION, words=reports_page.texts, refusal="forbidden_add")
_FIELDS = ("email", "every", "hour", "language")


@require_safe
@read
def overview(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show who gets a site's numbers, and the form for another address."""
    return _draw(request, frame, site=request.GET.get("site", ""), form=reports_page.Form())


@require_POST
@add
def create(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponse:
    """Enter an address, or show the form again with what is wrong in it."""
    values = {name: request.POST.get(name, "").replace("\x00", "").strip() for name in _FIELDS}
    try:
        subscription_operations.create_subscription(
            site_code=site,
            origin=f"{request.scheme}://{request.get_host()}",
            owner=request.user.get_username(),
            now=timezone.now(),
            **values,
        )
    except subscription_operations.SubscriptionInvalid as error:
        faults = {name: str(code) for name, code in error.fields.items()}
        form = reports_page.Form(values=values, faults=faults)
        return _draw(request, frame, site=site, form=form, status=400)
    messages.success(request, frame["text"]["done_created"])
    return _back(frame, site)


@require_POST
@add
def test(request: HttpRequest, frame: console.Frame, *, number: int) -> HttpResponse:
    """Send the last period's report at once."""
    is_out = mailing.send_test(
        subscription_id=number,
        actor=request.user.get_username(),
        is_own_only=not request.user.has_perm(CHANGE_PERMISSION),
        now=timezone.now(),
    )
    say = messages.success if is_out else messages.error
    say(request, frame["text"]["done_tested" if is_out else "failed_test"])
    return _back(frame, request.POST.get("site", ""))


@require_POST
@add
def stop(request: HttpRequest, frame: console.Frame, *, number: int) -> HttpResponse:
    """Send nothing more to an address."""
    subscription_operations.stop_subscription(
        subscription_id=number,
        actor=request.user.get_username(),
        is_own_only=not request.user.has_perm(CHANGE_PERMISSION),
        now=timezone.now(),
    )
    messages.success(request, frame["text"]["done_stopped"])
    return _back(frame, request.POST.get("site", ""))


# --- from and to the browser


def _draw(
    request: HttpRequest,
    frame: console.Frame,
    *,
    site: str,
    form: reports_page.Form,
    status: int = 200,
) -> HttpResponse:
    account, may_add = request.user.get_username(), request.user.has_perm(ADD_PERMISSION)
    info, sites, found = subscription_queries.get_page(
        site=site, account=account, sees_all=request.user.has_perm(SEE_ALL_PERMISSION)
    )
    if info is None:
        return render(request, "ledgers/no_site.html", frame)
    page = reports_page.build_page(
        found=found,
        form=form,
        site=info,
        sites=sites,
        account=account,
        may_add=may_add,
        may_change_all=request.user.has_perm(CHANGE_PERMISSION),
        language=frame["language"],
    )
    shown = {**frame, "page": page, "may_add": may_add, "is_set_up": mailing.is_set_up()}
    return render(request, "insights/reports.html", shown, status=status)


def _back(frame: console.Frame, site: str) -> HttpResponse:
    query = f"?lang={frame['language']}"
    if site.replace("-", "").isalnum():
        query += f"&site={site}"
    return HttpResponseRedirect(reverse("console:reports") + query)
