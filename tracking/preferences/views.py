"""The preference centre, the external-transmission page and the first layer, without a script."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.csrf import csrf_failure
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from tracking.consents import cookies, erasures
from tracking.consents import operations as consents
from tracking.consents import rules as consents_rules
from tracking.consents.types import Method, Recorded, Submission, Surface
from tracking.lib.languages import negotiate
from tracking.notices.queries import NoNotice
from tracking.preferences import queries, rules, wording
from tracking.preferences.types import Answer, FirstLayer, Reader
from tracking.registry.queries import UnknownSite
from tracking.web.database import AWAY

logger = logging.getLogger(__name__)

View = Callable[[HttpRequest, str], HttpResponse]

RETRY_AFTER_SECONDS = 5
_FORM_FIELDS = ("notice", "form_key", "act", "tag", "lang", "view", "back", "surface")


def _page(away: View) -> Callable[[View], View]:
    """
    Never cached, since it shows one device's state; and honest while the database is away, which
    `away` answers.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, site: str) -> HttpResponse:
            try:
                response = view(request, site)
            except (UnknownSite, NoNotice) as error:
                raise Http404 from error
            except AWAY as error:
                logger.error("database away: %s", type(error).__name__)
                response = away(request, site)
            response["Cache-Control"] = "private, no-store"
            return response

        return require_http_methods(["GET", "HEAD", "POST"])(wrapped)

    return decorate


def _away(request: HttpRequest, site: str) -> HttpResponse:
    """Say that nothing was stored and nothing lost, and carry the answer to the next attempt."""
    language = negotiate(_reader(request).languages, ("ja", "en"))
    sent = [(name, request.POST[name]) for name in _FORM_FIELDS if name in request.POST]
    sent += [("on", choice) for choice in request.POST.getlist("on")[:1024]]
    context = {
        "text": wording.texts(language=language),
        "language": language,
        "site": site,
        "sent": sent,
        "is_decision": request.method == "POST",
    }
    response = render(request, "preferences/away.html", context, status=503)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _hidden(request: HttpRequest, site: str) -> HttpResponse:
    """Hide the frame: an error page in it would only be in the way."""
    return HttpResponse("iframe.cm-first-layer{display:none}\n", content_type="text/css")


@_page(away=_away)
def preferences(request: HttpRequest, site: str) -> HttpResponse:
    """Show this device's choices, history and deliveries; record what its form sends."""
    if request.method == "POST":
        return _record(request, site, show=_show_preferences, go_on=_show_saved)
    return _show_preferences(request, site)


@_page(away=_away)
def transmission(request: HttpRequest, site: str) -> HttpResponse:
    """Show every tag with its state on this device; switch one tag's partner on or off."""
    if request.method == "POST":
        return _record(request, site, show=_show_transmission, go_on=_show_saved_tag)
    return _show_transmission(request, site)


@_page(away=_away)
def erasure(request: HttpRequest, site: str) -> HttpResponse:
    """Ask whether to erase this device's record, do it, and show how far the partners are."""
    if request.method == "POST":
        return _erase(request, site)
    return _show_erasure(request, site)


@require_safe
def look(request: HttpRequest, site: str, notice: int) -> HttpResponse:
    """Dress our pages in the site's look; without it they are as readable in ours."""
    try:
        sheet = queries.get_look(site_code=site, notice_number=notice)
    except NoNotice as error:
        raise Http404 from error
    except AWAY as error:
        logger.error("database away: %s", type(error).__name__)
        return HttpResponse(content_type="text/css", status=503)
    # A version never changes; how we derive the rest of its colours may, with a release.
    headers = {"Cache-Control": "public, max-age=86400"}
    return HttpResponse(sheet, content_type="text/css", headers=headers)


@require_safe
def signal_statement(request: HttpRequest) -> HttpResponse:
    """Say whether browsers' privacy signals are honoured, as `/.well-known/gpc.json`."""
    return _well_known(
        lambda: queries.get_signal_statement(site_code=request.GET.get("site"), now=timezone.now())
    )


@require_safe
def transmission_copy(request: HttpRequest) -> HttpResponse:
    """Say what is sent to whom and why, as `/.well-known/external-transmission.json`."""

    def address(site: str) -> str:
        return request.build_absolute_uri(reverse("preferences:transmission", args=[site]))

    return _well_known(
        lambda: queries.get_transmission_copy(site_code=request.GET.get("site"), address=address)
    )


def _well_known(read: Callable[[], Mapping[str, Any]]) -> HttpResponse:
    """Answer machines of anybody; a service with several sites is asked for one, by `?site=`."""
    try:
        found = read()
    except (UnknownSite, NoNotice) as error:
        raise Http404 from error
    except AWAY as error:
        logger.error("database away: %s", type(error).__name__)
        return JsonResponse({}, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    return JsonResponse(
        dict(found),
        json_dumps_params={"ensure_ascii": False},
        headers={"Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*"},
    )


@csrf_exempt
@xframe_options_exempt
@_page(away=_away)
def first_layer(request: HttpRequest, site: str) -> HttpResponse:
    """
    Ask in a frame on the site's pages; record what its form sends and go back to the page.

    The form leaves the frame, so that what is recorded is recorded, and its cookies are set, in a
    top-level answer. It needs no cookie beforehand: instead of Django's token the Origin shows that
    it is ours. Browsers send it with every form, and no other page can name it.
    """
    if request.method == "POST":
        if request.headers.get("Origin") != _own_origin(request):
            return csrf_failure(request, reason="not our form")
        return _record(
            request,
            site,
            show=_show_preferences,
            go_on=_go_back,
            surface=rules.read_surface(request.POST.get("surface", "")),
        )
    layer = _first_layer(request, site)
    context = {
        "layer": layer,
        "back": request.headers.get("Referer", ""),
        **_form_context(site),
    }
    response = render(request, "preferences/first_layer.html", context)
    origins = " ".join(layer.origins)
    # `form-action` names the site too: browsers hold it against the redirect back to the page.
    response["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; img-src data:; form-action 'self' {origins}; "
        f"base-uri 'none'; frame-ancestors {origins}"
    )
    return response


@_page(away=_hidden)
def first_layer_frame(request: HttpRequest, site: str) -> HttpResponse:
    """Lay out that frame: as the banner while there is something to ask, else as a button."""
    context = {"layer": _first_layer(request, site)}
    response = render(request, "preferences/first_layer.css", context, content_type="text/css")
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _first_layer(request: HttpRequest, site: str) -> FirstLayer:
    return queries.get_first_layer(
        site_code=site,
        reader=_reader(request),
        # A frame on a page of another site gets none of our cookies, and browsers that do not say
        # where they are may be in one.
        has_cookies=request.headers.get("Sec-Fetch-Site") in {"same-origin", "same-site", "none"},
        keys=settings.CONSENT_KEYS,
        now=timezone.now(),
    )


def _own_origin(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


def _show_preferences(
    request: HttpRequest, site: str, message: str = "", status: int = 200
) -> HttpResponse:
    page = queries.get_preference_page(
        site_code=site,
        reader=_reader(request),
        saved_key=request.GET.get("saved", ""),
        keys=settings.CONSENT_KEYS,
        now=timezone.now(),
    )
    context = {
        "page": page,
        "view": rules.read_view(request.POST.get("view", "") or request.GET.get("view", "")),
        # Whoever reads slowly may stop the page from renewing itself (WCAG 2.2.1).
        "is_still": request.GET.get("still") == "1",
        **_form_context(site, message),
    }
    return render(request, "preferences/page.html", context, status=status)


def _show_transmission(
    request: HttpRequest, site: str, message: str = "", status: int = 200
) -> HttpResponse:
    page = queries.get_transmission_page(
        site_code=site,
        reader=_reader(request),
        saved_key=request.GET.get("saved", ""),
        saved_tag=request.GET.get("tag", ""),
        keys=settings.CONSENT_KEYS,
        now=timezone.now(),
    )
    context = {"page": page, **_form_context(site, message)}
    return render(request, "preferences/transmission.html", context, status=status)


def _show_erasure(
    request: HttpRequest, site: str, message: str = "", status: int = 200
) -> HttpResponse:
    named = request.GET.get("done", "")
    page = queries.get_erasure_page(
        site_code=site,
        reader=_reader(request),
        # What is no key names nothing that could be found.
        key=(rules.read_key(named) or UUID(int=0)) if named else None,
        keys=settings.CONSENT_KEYS,
        now=timezone.now(),
    )
    context = {
        "page": page,
        "done_key": named if page.done else "",
        "is_still": request.GET.get("still") == "1",
        **_form_context(site, message),
    }
    if page.is_gone:
        status = 404
    return render(request, "preferences/erasure.html", context, status=status)


def _erase(request: HttpRequest, site: str) -> HttpResponse:
    basis = queries.get_form_basis(
        site_code=site, notice_number=0, reader=_reader(request), keys=settings.CONSENT_KEYS
    )
    visit = cookies.read_visit(request, is_own_page=True)
    try:
        erased = erasures.erase(
            site=site,
            idempotency_key=rules.erasure_idempotency_key(
                form_key=request.POST.get("form_key", ""), device_token=visit.device_token
            ),
            surface=Surface.PAGE,
            language=basis.language,
            visit=visit,
            keys=settings.CONSENT_KEYS,
            now=timezone.now(),
        )
    except erasures.UnknownDevice:
        return _show_erasure(request, site, status=404)
    except consents.DecisionInvalid:
        message = wording.texts(language=basis.language)["invalid"]
        return _show_erasure(request, site, message, 400)
    response = HttpResponse(status=303)
    query = {"done": str(erased.key), "lang": basis.language}
    response["Location"] = f"{reverse('preferences:erasure', args=[site])}?{urlencode(query)}"
    cookies.forget(response, erased)
    return response


def _form_context(site: str, message: str = "") -> dict[str, object]:
    key = queries.make_form_key(site_code=site, keys=settings.CONSENT_KEYS, now=timezone.now())
    return {"form_key": key, "message": message}


def _record(
    request: HttpRequest,
    site: str,
    *,
    show: Callable[[HttpRequest, str, str, int], HttpResponse],
    go_on: Callable[[HttpRequest, queries.FormBasis, Recorded], str],
    surface: Surface = Surface.PAGE,
) -> HttpResponse:
    """
    Record what a form says and send the browser on to the address that `go_on` returns.

    A grant on a retired notice or with an outdated token is not recorded; what the same form
    switches off is, since a refusal is never lost.
    """
    reader = _reader(request)
    number = request.POST.get("notice", "")
    basis = queries.get_form_basis(
        site_code=site,
        notice_number=int(number)
        if number.isascii() and number.isdigit() and len(number) < 9
        else 0,
        reader=reader,
        keys=settings.CONSENT_KEYS,
    )
    text = wording.texts(language=basis.language)
    act = rules.read_act(request.POST.get("act", ""))
    answer = None
    if basis.notice is not None and act is not None:
        answer = rules.read_answer(
            act=act,
            ticked=request.POST.getlist("on"),
            tag_code=request.POST.get("tag", ""),
            notice=basis.notice,
            choices=basis.choices,
        )
    if basis.notice is None or answer is None:
        return show(request, site, text["invalid"], 400)
    now = timezone.now()
    submission = Submission(
        site=site,
        notice=basis.notice.number,
        idempotency_key=rules.idempotency_key(
            form_key=request.POST.get("form_key", ""), answer=answer, notice=basis.notice.number
        ),
        client_seq=consents_rules.next_seq(choices=basis.choices, now=now),
        method=answer.method,
        surface=surface,
        language=basis.language,
        gpc=reader.gpc,
        granted=answer.granted,
        refused=answer.refused,
        impression=request.POST.get("form_key"),
        # Only what takes something away is told of them.
        identifiers=None
        if answer.granted and not answer.refused
        else cookies.read_identifiers(request, basis.notice),
    )
    visit = cookies.read_visit(request, is_own_page=True)
    try:
        recorded = consents.record_consent(
            submission=submission, visit=visit, keys=settings.CONSENT_KEYS, now=now
        )
    except (consents.NoticeRetired, consents.TokenRefused) as error:
        kept = None
        if answer.refused:
            kept = consents.record_consent(
                submission=replace(submission, granted=frozenset(), method=Method.CHOOSE),
                visit=visit,
                keys=settings.CONSENT_KEYS,
                now=now,
            )
        return _ask_again(request, site, show, error, answer, text, kept)
    except consents.GuardianNeeded as error:
        message = text["guardian_needed" if error.recorded is None else "guardian_needed_kept"]
        response = show(request, site, message, 400)
        if error.recorded is not None:
            cookies.keep(response, error.recorded)
        return response
    except consents.DecisionInvalid:
        return show(request, site, text["invalid"], 400)
    if recorded.device_token is None and not recorded.is_replay:
        # An older copy of the token took something away: recorded, but this copy reads nothing.
        response = show(request, site, text["token_outdated_kept"], 200)
        cookies.keep(response, recorded)
        return response
    response = HttpResponse(status=303)
    response["Location"] = go_on(request, basis, recorded)
    cookies.keep(response, recorded)
    return response


def _ask_again(
    request: HttpRequest,
    site: str,
    show: Callable[[HttpRequest, str, str, int], HttpResponse],
    error: Exception,
    answer: Answer,
    text: wording.Words,
    kept: Recorded | None,
) -> HttpResponse:
    if isinstance(error, consents.TokenRefused):
        message = text["token_outdated" if kept is None else "token_outdated_kept"]
    else:
        message = text["notice_changed_nothing" if kept is None else "notice_changed"]
    response = show(request, site, message, 409)
    if kept is not None:
        cookies.keep(response, kept)
    if isinstance(error, consents.TokenRefused):
        cookies.drop_token(response)
    return response


def _show_saved(request: HttpRequest, basis: queries.FormBasis, recorded: Recorded) -> str:
    return _saved_address(request, recorded, "preferences:page")


def _show_saved_tag(request: HttpRequest, basis: queries.FormBasis, recorded: Recorded) -> str:
    tag = request.POST.get("tag", "")
    address = _saved_address(request, recorded, "preferences:transmission", tag=tag)
    return f"{address}#tag-{tag}"


def _go_back(request: HttpRequest, basis: queries.FormBasis, recorded: Recorded) -> str:
    back = rules.read_back(address=request.POST.get("back", ""), origins=basis.origins)
    return back or _show_saved(request, basis, recorded)


def _saved_address(request: HttpRequest, recorded: Recorded, page: str, **more: str) -> str:
    query = {"saved": str(recorded.receipt.key)}
    query |= {name: request.POST[name] for name in ("lang", "view") if request.POST.get(name)}
    address = reverse(page, args=[recorded.receipt.site])
    return f"{address}?{urlencode(query | more)}"


def _reader(request: HttpRequest) -> Reader:
    asked = request.POST.get("lang", "") or request.GET.get("lang", "")
    return Reader(
        languages=f"{asked},{request.headers.get('Accept-Language', '')}",
        device_token=cookies.read_token(request),
        place=cookies.read_place(request),
        gpc=request.headers.get("Sec-GPC") == "1",
        shown_notice=cookies.read_shown_notice(request),
        is_doubtful=cookies.are_doubtful(request),
    )
