"""The console's way from a draft to a notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tracking.lib.errors import DomainError
from tracking.notices import operations
from tracking.notices import queries as notices
from tracking.notices.types import Notice
from tracking.publishing import page, queries
from tracking.publishing.types import CHANGE_PERMISSION, PERMISSION, PUBLISH_PERMISSION
from tracking.registry import queries as registry
from tracking.web import console
from tracking.web.previews import FRAMING_POLICY, origin_of, render_preview

read = console.door(permission=PERMISSION, words=page.texts)
change = console.door(permission=CHANGE_PERMISSION, words=page.texts, refusal="forbidden_change")
publishes = console.door(
    permission=PUBLISH_PERMISSION, words=page.texts, refusal="forbidden_publish"
)


# --- to look at


@require_safe
@read
def desk(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show what is published, what would come next, and what that would do."""
    sites = {site.code: site for site in registry.list_sites()}
    site = sites.get(request.GET.get("site", "")) or next(iter(sites.values()), None)
    if site is None:
        return render(request, "publishing/desk.html", frame)
    built = page.Writer(site=site, language=frame["language"], now=timezone.now()).desk(
        queries.get_desk(site_code=site.code, now=timezone.now()), sites=list(sites.values())
    )
    return render(request, "publishing/desk.html", {**frame, "page": built, **_may(request)})


@require_safe
@read
def compare(
    request: HttpRequest, frame: console.Frame, *, site: str, before: int, after: str
) -> HttpResponse:
    """Show two versions side by side, or the newest beside the draft."""
    info, now = registry.get_site(code=site), timezone.now()
    if after == "draft":
        draft = notices.get_draft(site_code=site)
        content: Mapping[str, object] = notices.get_proposal(
            site_code=site, wording=draft.wording, effective_at=draft.effective_at, now=now
        ).content
    else:
        content = _version(site, after).content
    built = page.Writer(site=info, language=frame["language"], now=now).comparison(
        before=_version(site, str(before)).content,
        after=content,
        is_draft=after == "draft",
    )
    return render(request, "publishing/compare.html", {**frame, "page": built})


@require_safe
@read
def preview(
    request: HttpRequest, frame: console.Frame, *, site: str, language: str
) -> HttpResponse:
    """Show the banner as it would be with the draft, on an empty page."""
    script = queries.get_preview(
        site_code=site, language=language, endpoint=origin_of(request), now=timezone.now()
    )
    return render_preview(request, frame, language=language, script=script)


# --- to change


@require_http_methods(["GET", "HEAD", "POST"])
@change
def wording(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponse:
    """Show the words of the next notice, side by side, and keep what is written there."""
    info, now = registry.get_site(code=site), timezone.now()
    writer = page.Writer(site=info, language=frame["language"], now=now)
    is_background = request.headers.get("Accept") == "application/json"
    typed, problem, status = None, "", 200
    if request.method == "POST":
        typed = page.read_form(request.POST, zone=info.zone)
        try:
            if typed.effective_wrong:
                raise operations.DraftInvalid(fields={"effective_at": [typed.effective_wrong]})
            operations.save_draft(
                site_code=site,
                lines=typed.lines,
                note=typed.note,
                effective_at=typed.effective_at,
                revision=typed.revision,
                author=request.user.get_username(),
                now=now,
            )
        except DomainError as error:
            problem, status = writer.refusal(error), error.status
        else:
            typed = None
            if not is_background:
                messages.success(request, frame["text"]["saved"])
                if "done" in request.POST:
                    return _to("desk", frame, site=site)
                return HttpResponseRedirect(f"{request.path}?lang={frame['language']}")
    built = writer.editor(queries.get_desk(site_code=site, now=now), typed=typed)
    if is_background:
        answer = {"problem": problem} if problem else page.as_json(built)
        return JsonResponse(answer, status=status)
    response = render(
        request,
        "publishing/wording.html",
        {**frame, "page": built, "problem": problem},
        status=status,
    )
    response["Content-Security-Policy"] = FRAMING_POLICY
    return response


@require_POST
@change
def submit(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponse:
    """Hand the draft over to whoever publishes it."""
    return _act(request, frame, site, operations.submit_draft, "submitted", who="author")


@require_POST
@change
def give_back(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponse:
    """Give the draft back to be written on."""
    return _act(request, frame, site, operations.return_draft, "returned", who="author")


@require_POST
@change
def discard(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponse:
    """Throw the draft away."""
    return _act(request, frame, site, operations.discard_draft, "discarded", who="author")


@require_POST
@publishes
def reviewed(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponse:
    """Note that what visitors see was looked at and is right."""
    writer = page.Writer(
        site=registry.get_site(code=site), language=frame["language"], now=timezone.now()
    )
    try:
        next_on = operations.note_review(
            site_code=site,
            number=page.read_number(request.POST.get("number", "")),
            reviewer=request.user.get_username(),
            now=timezone.now(),
        )
    except DomainError as error:
        if error.status == 404:
            raise
        messages.error(request, writer.refusal(error))
    else:
        messages.success(request, writer.reviewed(next_on))
    return _to("desk", frame, site=site)


@require_POST
@publishes
def publish(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponse:
    """Publish what is in review."""
    return _act(
        request,
        frame,
        site,
        operations.publish_draft,
        "published",
        who="reviewer",
        needs_another=settings.NOTICE_REVIEW_BY_ANOTHER,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@publishes
def restore(request: HttpRequest, frame: console.Frame, *, site: str, number: int) -> HttpResponse:
    """Show what bringing a version back would do, and do it."""
    info, now = registry.get_site(code=site), timezone.now()
    writer = page.Writer(site=info, language=frame["language"], now=now)
    problem, status = "", 200
    if request.method == "POST":
        try:
            operations.roll_back(
                site_code=site,
                number=number,
                newest=page.read_number(request.POST.get("newest", "")),
                author=request.user.get_username(),
                note=request.POST.get("note", "")[: operations.LONGEST_NOTE],
                now=now,
            )
        except DomainError as error:
            if error.status == 404:
                raise
            problem, status = writer.refusal(error), error.status
        else:
            messages.success(request, frame["text"]["rolled_back"].format(number=number))
            return _to("desk", frame, site=site)
    built = writer.restoration(queries.get_restoration(site_code=site, number=number, now=now))
    return render(
        request,
        "publishing/restore.html",
        {**frame, "page": built, "problem": problem},
        status=status,
    )


# --- inside


def _act(
    request: HttpRequest,
    frame: console.Frame,
    site: str,
    operation: Callable[..., object],
    said: str,
    *,
    who: str,
    **more: object,
) -> HttpResponse:
    info, now = registry.get_site(code=site), timezone.now()
    try:
        operation(
            site_code=site,
            revision=page.read_number(request.POST.get("revision", "")),
            now=now,
            **{who: request.user.get_username()},
            **more,
        )
    except DomainError as error:
        if error.status == 404:
            raise
        writer = page.Writer(site=info, language=frame["language"], now=now)
        messages.error(request, writer.refusal(error))
    else:
        messages.success(request, frame["text"][said])
    return _to("desk", frame, site=site)


def _to(name: str, frame: console.Frame, *, site: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(
        f"{reverse(f'publishing:{name}')}?site={site}&lang={frame['language']}"
    )


def _may(request: HttpRequest) -> dict[str, bool]:
    return {
        "may_change": request.user.has_perm(CHANGE_PERMISSION),
        "may_publish": request.user.has_perm(PUBLISH_PERMISSION),
    }


def _version(site: str, number: str) -> Notice:
    found = notices.find_version(site_code=site, number=page.read_number(number))
    if found is None:
        raise Http404
    return found
