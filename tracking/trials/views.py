"""The console's experiments: write, start, look, stop, promote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tracking.experiments import operations
from tracking.experiments import queries as experiments
from tracking.experiments.types import (
    CHANGE_PERMISSION,
    PERMISSION,
    RUN_PERMISSION,
    Experiment,
    Stage,
)
from tracking.lib.errors import DomainError
from tracking.registry import queries as registry
from tracking.trials import page, queries
from tracking.web import console
from tracking.web.previews import FRAMING_POLICY, origin_of, render_preview

read = console.door(permission=PERMISSION, words=page.texts)
change = console.door(permission=CHANGE_PERMISSION, words=page.texts, refusal="forbidden_change")
runs = console.door(permission=RUN_PERMISSION, words=page.texts, refusal="forbidden_run")


# --- to look at


@require_safe
@read
def desk(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show a site's experiments."""
    sites = {site.code: site for site in registry.list_sites()}
    site = sites.get(request.GET.get("site", "")) or next(iter(sites.values()), None)
    if site is None:
        return render(request, "trials/desk.html", frame)
    built = _writer(frame, site.code).desk(
        queries.get_desk(site_code=site.code, now=timezone.now()), sites=list(sites.values())
    )
    return render(request, "trials/desk.html", {**frame, "page": built, **_may(request)})


@require_http_methods(["GET", "HEAD", "POST"])
@read
def show(request: HttpRequest, frame: console.Frame, *, site: str, code: str) -> HttpResponseBase:
    """Show an experiment: its draft, which can be written here, or its numbers."""
    if request.method == "POST":
        return save(request, site=site, code=code)
    found = experiments.get_experiment(site_code=site, code=code, now=timezone.now())
    if found.stage is Stage.DRAFT:
        return _show_draft(request, frame, found)
    built = _writer(frame, site).result(queries.get_result(found, now=timezone.now()))
    response = render(request, "trials/result.html", {**frame, "page": built, **_may(request)})
    response["Content-Security-Policy"] = FRAMING_POLICY
    return response


@require_safe
@read
def preview(
    request: HttpRequest, frame: console.Frame, *, site: str, code: str, arm: str, language: str
) -> HttpResponse:
    """Show the banner as an arm shows it, on an empty page."""
    script = queries.get_preview(
        site_code=site,
        code=code,
        arm=arm,
        language=language,
        endpoint=origin_of(request),
        now=timezone.now(),
    )
    return render_preview(request, frame, language=language, script=script)


# --- to change


@require_POST
@change
def create(request: HttpRequest, frame: console.Frame, *, site: str) -> HttpResponse:
    """Begin a draft."""
    try:
        found = operations.create_experiment(
            site_code=site,
            code=request.POST.get("code", "").strip(),
            name=request.POST.get("name", "").strip(),
            author=request.user.get_username(),
            now=timezone.now(),
        )
    except DomainError as error:
        if error.status == 404:
            raise
        messages.error(request, _writer(frame, site).refusal(error))
        return HttpResponseRedirect(
            f"{reverse('trials:desk')}?site={site}&lang={frame['language']}"
        )
    messages.success(request, frame["text"]["created"])
    return _to(frame, site, found.code)


@require_POST
@change
def save(request: HttpRequest, frame: console.Frame, *, site: str, code: str) -> HttpResponse:
    """Keep what is written; what cannot be kept stays in the form."""
    typed = page.read_form(request.POST.dict())
    try:
        operations.save_draft(
            site_code=site,
            code=code,
            plan=typed.plan,
            arms=typed.arms,
            revision=typed.revision,
            author=request.user.get_username(),
            now=timezone.now(),
        )
    except DomainError as error:
        if error.status == 404:
            raise
        found = experiments.get_experiment(site_code=site, code=code, now=timezone.now())
        problem = _writer(frame, site).refusal(error)
        if found.stage is not Stage.DRAFT:
            messages.error(request, problem)
            return _to(frame, site, code)
        written = replace(found, plan=typed.plan, arms=typed.arms, revision=typed.revision)
        return _show_draft(request, frame, written, problem=problem, status=error.status)
    messages.success(request, frame["text"]["saved"])
    return _to(frame, site, code)


@require_POST
@change
def discard(request: HttpRequest, frame: console.Frame, *, site: str, code: str) -> HttpResponse:
    """Throw a draft away."""
    answer = _act(
        request,
        frame,
        site,
        code,
        operations.discard_draft,
        "discarded",
        revision=_revision(request),
    )
    return answer or HttpResponseRedirect(
        f"{reverse('trials:desk')}?site={site}&lang={frame['language']}"
    )


@require_POST
@runs
def start(request: HttpRequest, frame: console.Frame, *, site: str, code: str) -> HttpResponse:
    """Show visitors the arms."""
    answer = _act(
        request, frame, site, code, operations.start, "started_now", revision=_revision(request)
    )
    return answer or _to(frame, site, code)


@require_POST
@runs
def stop(request: HttpRequest, frame: console.Frame, *, site: str, code: str) -> HttpResponse:
    """Show every visitor the published notice again."""
    answer = _act(request, frame, site, code, operations.stop, "stopped_now")
    return answer or _to(frame, site, code)


@require_POST
@runs
def promote(request: HttpRequest, frame: console.Frame, *, site: str, code: str) -> HttpResponse:
    """Make an arm's words the draft of the next notice."""
    arm = request.POST.get("arm", "")
    found = experiments.get_experiment(site_code=site, code=code, now=timezone.now())
    has_words = any(one.wording for one in found.arms if one.code == arm)
    said = "promoted_now" if has_words else "promoted_look"
    answer = _act(request, frame, site, code, operations.promote, said, arm=arm)
    return answer or _to(frame, site, code)


# --- inside


def _act(
    request: HttpRequest,
    frame: console.Frame,
    site: str,
    code: str,
    operation: Callable[..., object],
    said: str,
    **more: object,
) -> HttpResponse | None:
    """Do it and say so; where it was refused, lead back to the experiment and say why."""
    try:
        operation(
            site_code=site,
            code=code,
            author=request.user.get_username(),
            now=timezone.now(),
            **more,
        )
    except DomainError as error:
        if error.status == 404:
            raise
        messages.error(request, _writer(frame, site).refusal(error))
        return _to(frame, site, code)
    messages.success(request, frame["text"][said])
    return None


def _show_draft(
    request: HttpRequest,
    frame: console.Frame,
    found: Experiment,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    drafted = queries.get_draft(
        found, guess=page.read_guess(request.GET.dict()), now=timezone.now()
    )
    built = _writer(frame, found.site).draft(drafted)
    response = render(
        request,
        "trials/draft.html",
        {**frame, "page": built, "problem": problem, **_may(request)},
        status=status,
    )
    response["Content-Security-Policy"] = FRAMING_POLICY
    return response


def _writer(frame: console.Frame, site: str) -> page.Writer:
    return page.Writer(
        site=registry.get_site(code=site), language=frame["language"], now=timezone.now()
    )


def _to(frame: console.Frame, site: str, code: str) -> HttpResponseRedirect:
    address = reverse("trials:show", kwargs={"site": site, "code": code})
    return HttpResponseRedirect(f"{address}?lang={frame['language']}")


def _revision(request: HttpRequest) -> int:
    return int(page.read_number(request.POST.get("revision", "")) or 0)


def _may(request: HttpRequest) -> dict[str, bool]:
    return {
        "may_change": request.user.has_perm(CHANGE_PERMISSION),
        "may_run": request.user.has_perm(RUN_PERMISSION),
    }
