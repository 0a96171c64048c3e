"""The ledgers' page of the console, and the files that are taken from it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from tracking.consents.queries import UnknownReceipt
from tracking.consents.types import ProvisionDays
from tracking.ledgers import files, operations, page, queries, rules
from tracking.ledgers.types import APPROVE_PERMISSION, PERMISSION, ExceptionForm, Period
from tracking.registry import operations as registry_operations
from tracking.registry import queries as registry
from tracking.registry.types import SiteInfo
from tracking.web import console

read = console.door(permission=PERMISSION, words=page.texts)
approve_door = console.door(
    permission=APPROVE_PERMISSION, words=page.texts, refusal="forbidden_approve"
)
_FORM_FIELDS = ("tag", "basis", "reason", "expires_on", "accepted")


@require_safe
@read
def overview(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show entrustments, exceptions and provisions; count devices only when a period is asked."""
    sites = {site.code: site for site in registry.list_sites()}
    site = sites.get(request.GET.get("site", "")) or next(iter(sites.values()), None)
    if site is None:
        return render(request, "ledgers/no_site.html", frame)
    return _draw(request, frame, site=site, form=ExceptionForm())


@require_POST
@approve_door
def approve(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponse:
    """Approve an exception, or show the form again with what is wrong in it."""
    info = registry.get_site(code=site)
    now = timezone.now()
    values = {name: _given(request, name) for name in _FORM_FIELDS}
    ends = page.last_moment(day=values["expires_on"], zone=info.zone)
    try:
        registry_operations.approve_exception(
            site_id=info.id,
            site_code=info.code,
            tag=values["tag"],
            basis=values["basis"],
            reason=values["reason"],
            # What names no day has passed already.
            expires_at=ends or now,
            is_without_law_accepted=values["accepted"] == "1",
            actor=request.user.get_username(),
            now=now,
        )
    except registry_operations.ExceptionInvalid as error:
        form = ExceptionForm(values=values, faults=error.fields)
        return _draw(request, frame, site=info, form=form, status=400)
    messages.success(request, frame["text"]["done_approved"])
    return _back(frame, info)


@require_POST
@approve_door
def end(
    request: HttpRequest, frame: console.Frame, *, site: str, exception_id: int
) -> HttpResponse:
    """End an exception now."""
    info = registry.get_site(code=site)
    registry_operations.end_exception(
        site_id=info.id,
        site_code=info.code,
        exception_id=exception_id,
        actor=request.user.get_username(),
        now=timezone.now(),
    )
    messages.success(request, frame["text"]["done_ended"])
    return _back(frame, info)


@require_POST
@read
def export(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponseBase:
    """Hand out the lines of one partner as a file."""
    info = registry.get_site(code=site)
    now = timezone.now()
    partner = _given(request, "partner")
    period = _period(_given(request, "since"), _given(request, "until"))
    if period is None:
        messages.error(request, frame["text"]["period_wrong"])
        return _back(frame, info)
    if partner not in {one.code for one in queries.list_recipients(site=info)}:
        messages.error(request, frame["text"]["partner_unknown"])
        return _back(frame, info)
    file_format = _format(request)
    operations.note_export(
        site=info,
        partner=partner,
        period=period,
        file_format=file_format,
        actor=request.user.get_username(),
        now=now,
    )
    lines = queries.iterate_lines(site=info, partner=partner, period=period, now=now)
    return _file(lines, f"{site}-{partner}", file_format, frame, now)


@require_POST
@read
def receipt(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponseBase:
    """Hand out the lines of the device that made a record (APPI Art. 33(5))."""
    info = registry.get_site(code=site)
    now = timezone.now()
    try:
        key = UUID(_given(request, "receipt"))
        lines = queries.list_lines_of_receipt(site=info, key=key, now=now)
    except (ValueError, UnknownReceipt):
        messages.error(request, frame["text"]["receipt_unknown"])
        return _back(frame, info)
    file_format = _format(request)
    operations.note_disclosure(
        site=info, file_format=file_format, actor=request.user.get_username(), now=now
    )
    return _file(lines, f"{site}-receipt", file_format, frame, now)


# --- from and to the browser


def _draw(
    request: HttpRequest,
    frame: console.Frame,
    *,
    site: SiteInfo,
    form: ExceptionForm,
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    since, until = (request.GET.get(name, "").strip()[:20] for name in ("since", "until"))
    period = _period(since, until)
    counts = None
    if period is not None and request.GET.get("count") == "1":
        counts = queries.count_devices(site=site, period=period, now=now)
    built = page.build_page(
        ledgers=queries.get_ledgers(site=site, now=now),
        counts=counts,
        since=since,
        until=until,
        is_period_wrong=period is None,
        form=form,
        site=site,
        sites=registry.list_sites(),
        language=frame["language"],
    )
    may_approve = request.user.has_perm(APPROVE_PERMISSION)
    return render(
        request,
        "ledgers/overview.html",
        {**frame, "page": built, "may_approve": may_approve},
        status=status,
    )


def _file(
    lines: Iterable[ProvisionDays],
    name: str,
    file_format: str,
    frame: console.Frame,
    now: datetime,
) -> StreamingHttpResponse:
    written = files.write(lines=lines, file_format=file_format, language=frame["language"])
    return StreamingHttpResponse(
        written,
        content_type=files.FORMATS[file_format],
        headers={
            "Content-Disposition": f'attachment; filename="{name}-{now:%Y%m%d}.{file_format}"',
        },
    )


def _given(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\x00", "").strip()[:2000]


def _format(request: HttpRequest) -> str:
    return "json" if request.POST.get("format") == "json" else "csv"


def _period(since: str, until: str) -> Period | None:
    try:
        return rules.parse_period(since=since, until=until)
    except ValueError:
        return None


def _back(frame: dict[str, Any], site: SiteInfo) -> HttpResponse:
    address = reverse("ledgers:overview")
    return HttpResponseRedirect(f"{address}?lang={frame['language']}&site={site.code}")
