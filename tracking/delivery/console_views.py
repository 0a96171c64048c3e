"""The console's pages about telling partners."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tracking.delivery import operations, page, queries, rules, trial
from tracking.delivery.form_page import FormWriter
from tracking.delivery.transports import TRANSPORTS
from tracking.delivery.types import (
    CHANGE_PERMISSION,
    PERMISSION,
    ConfirmsBy,
    EndpointInfo,
    Transport,
    Trial,
)
from tracking.outbox.types import Cursor, Which
from tracking.registry import queries as registry
from tracking.registry.types import PartnerInfo, SiteInfo
from tracking.web import console
from tracking.web.parts import pick

# Stands for a secret that was written: it does not go back to the browser.
_WRITTEN = "•"

read = console.door(permission=PERMISSION, words=page.texts)
change = console.door(permission=CHANGE_PERMISSION, words=page.texts, refusal="forbidden_change")


# --- to look at


@require_safe
@read
def overview(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show how all partners of a site stand."""
    site = _asked_site(request)
    if site is None:
        return render(request, "delivery/no_site.html", frame)
    now = timezone.now()
    built = _writer(site, frame, now).overview(queries.get_overview(site=site.code, now=now))
    return render(request, "delivery/overview.html", {**frame, "page": built})


@require_safe
@read
def partner(request: HttpRequest, frame: console.Frame, *, site: str, partner: str) -> HttpResponse:
    """Show how one partner stands, what it was told, and what can be done about it."""
    info, addressee = _named(site, partner)
    now = timezone.now()
    sought = _given(request.GET, "message")
    key = rules.parse_message_id(sought) if sought else None
    if key is not None:
        found = queries.find_event_id(site_id=info.id, partner=partner, message_key=key)
        if found is not None:
            return _to("event", frame, site=site, partner=partner, event_id=found)
    which = _which(request.GET.get("which", ""))
    after = _after(request)
    built = _writer(info, frame, now).partner(
        queries.get_partner_report(
            site=info, partner=addressee, hours_since=page.first_hour(now), now=now
        ),
        queries.list_events(site_id=info.id, partner=partner, which=which, after=after, now=now),
        which=which,
        is_first_page=after is None,
        sought=sought,
    )
    may_change = request.user.has_perm(CHANGE_PERMISSION)
    proposal = ""
    if may_change and (known := queries.find_endpoint(site=site, partner=partner)) is not None:
        proposal = operations.propose_secret(known.transport)
    return render(
        request,
        "delivery/partner.html",
        {**frame, "page": built, "may_change": may_change, "proposal": proposal},
    )


@require_safe
@read
def event(
    request: HttpRequest, frame: console.Frame, *, site: str, partner: str, event_id: int
) -> HttpResponse:
    """Show one event and its attempts."""
    info, addressee = _named(site, partner)
    report = queries.find_event_report(site_id=info.id, partner=partner, event_id=event_id)
    if report is None:
        raise Http404
    built = _writer(info, frame, timezone.now()).event(
        report, name=_name(addressee, frame), most=queries.MOST_ATTEMPTS
    )
    return render(request, "delivery/event.html", {**frame, "page": built})


@require_safe
@read
def dead(request: HttpRequest, frame: console.Frame) -> HttpResponse:
    """Show what was given up, and what a replay of a range would send."""
    site = _asked_site(request)
    if site is None:
        return render(request, "delivery/no_site.html", frame)
    now = timezone.now()
    standings = queries.get_overview(site=site.code, now=now).standings
    codes = [one.health.partner for one in standings]
    with_dead = [one.health.partner for one in standings if one.health.dead]
    asked = request.GET.get("partner", "")
    chosen = asked if asked in codes else next(iter([*with_dead, *codes]), "")
    since, until, wrong = _range(request.GET, site)
    is_told_too = request.GET.get("told") == "1"
    after = _after(request)
    built = _writer(site, frame, now).dead(
        standings=standings,
        partner=chosen,
        events=queries.list_events(
            site_id=site.id, partner=chosen, which=Which.DEAD, after=after, now=now
        ),
        is_first_page=after is None,
        since=_given(request.GET, "since"),
        until=_given(request.GET, "until"),
        is_told_too=is_told_too,
        wrong=wrong,
        replayable=queries.count_replayable(
            site_id=site.id,
            partner=chosen,
            since=since,
            until=until,
            is_told_too=is_told_too,
        ),
    )
    may_change = request.user.has_perm(CHANGE_PERMISSION)
    return render(request, "delivery/dead.html", {**frame, "page": built, "may_change": may_change})


# --- to act


@require_POST
@change
def pause(request: HttpRequest, frame: console.Frame, *, site: str, partner: str) -> HttpResponse:
    """Send a partner nothing more."""
    operations.pause(site=site, partner=partner, **_by(request))
    return _done(request, frame, "done_paused", site=site, partner=partner)


@require_POST
@change
def resume(request: HttpRequest, frame: console.Frame, *, site: str, partner: str) -> HttpResponse:
    """Tell a partner again."""
    count = operations.resume(site=site, partner=partner, **_by(request))
    return _done(request, frame, "done_resumed", site=site, partner=partner, count=f"{count:,}")


@sensitive_post_parameters("secret")
@require_POST
@change
def rotate(request: HttpRequest, frame: console.Frame, *, site: str, partner: str) -> HttpResponse:
    """Take a new secret beside the present one."""
    try:
        operations.rotate_secret(
            site=site,
            partner=partner,
            secret=_given(request.POST, "secret"),
            keys=settings.CONSENT_KEYS,
            **_by(request),
        )
    except operations.EndpointInvalid:
        known = queries.find_endpoint(site=site, partner=partner)
        wanted = None if known is None else TRANSPORTS[known.transport].profile.secret
        messages.error(
            request,
            frame["text"]["refused_secret"].format(
                help="" if wanted is None else wanted.help[frame["language"]]
            ),
        )
        return _to("partner", frame, site=site, partner=partner)
    return _done(request, frame, "done_rotated", site=site, partner=partner)


@require_POST
@change
def finish(request: HttpRequest, frame: console.Frame, *, site: str, partner: str) -> HttpResponse:
    """Forget the old secret."""
    operations.finish_rotation(site=site, partner=partner, **_by(request))
    return _done(request, frame, "done_finished", site=site, partner=partner)


@require_POST
@change
def replay(request: HttpRequest, frame: console.Frame, *, site: str, partner: str) -> HttpResponse:
    """Tell again what was given up in a range, and what was accepted in it if asked to."""
    info, _ = _named(site, partner)
    since, until, wrong = _range(request.POST, info)
    if wrong:
        messages.error(request, frame["text"]["refused_other"])
        return _to("partner", frame, site=site, partner=partner)
    count = operations.replay(
        site=site,
        partner=partner,
        since=since,
        until=until,
        is_told_too=request.POST.get("told") == "1",
        **_by(request),
    )
    return _done(request, frame, "done_replayed", site=site, partner=partner, count=f"{count:,}")


@sensitive_post_parameters("secret")
@require_http_methods(["GET", "HEAD", "POST"])
@change
def endpoint(
    request: HttpRequest, frame: console.Frame, *, site: str, partner: str
) -> HttpResponse:
    """Take where and how a partner is told; on `action=test` try it and keep nothing."""
    info, addressee = _named(site, partner)
    known = queries.find_endpoint(site=site, partner=partner)
    transport = _transport(request, known)
    draw = partial(
        _draw_form, request, frame, site=info, partner=addressee, known=known, transport=transport
    )
    if request.method != "POST" or transport is None:
        return draw(values=_kept(known, transport))
    values = _written(request, transport)
    secret = _given(request.POST, "secret") or None
    if secret is not None:
        values["secret"] = _WRITTEN
    place: dict[str, Any] = {
        "site": site,
        "partner": partner,
        "url": values.get("url", ""),
        "secret": secret,
        "transport": transport,
        "settings": {
            one.code: values[f"settings.{one.code}"]
            for one in TRANSPORTS[transport].profile.settings
        },
        "keys": settings.CONSENT_KEYS,
        "allow_loopback": settings.ALLOW_LOOPBACK_PARTNERS,
        **_by(request),
    }
    try:
        if request.POST.get("action") == "test":
            return draw(values=values, trial=trial.send_test_message(**place))
        operations.set_endpoint(
            **place,
            confirms_by=_confirms_by(values.get("confirms_by", "")),
            concurrency=_number(values.get("concurrency", "8")),
            is_for_erasures_only=bool(values["is_for_erasures_only"]),
        )
    except operations.EndpointInvalid as error:
        return draw(values=values, errors=error.fields, status=400)
    return _done(request, frame, "done_saved", site=site, partner=partner)


# --- from and to the browser


def _draw_form(
    request: HttpRequest,
    frame: console.Frame,
    *,
    site: SiteInfo,
    partner: PartnerInfo,
    known: EndpointInfo | None,
    transport: Transport | None,
    values: Mapping[str, str],
    errors: Mapping[str, object] | None = None,
    trial: Trial | None = None,
    status: int = 200,
) -> HttpResponse:
    built = _writer(site, frame, timezone.now()).form(
        partner=partner.code,
        name=_name(partner, frame),
        known=known,
        transport=transport,
        values=values,
        errors=errors or {},
        proposal="" if transport is None else operations.propose_secret(transport),
        trial=trial,
    )
    return render(request, "delivery/endpoint.html", {**frame, "page": built}, status=status)


def _writer(site: SiteInfo, frame: console.Frame, now: datetime) -> FormWriter:
    return FormWriter(
        language=frame["language"],
        site=site,
        sites=registry.list_sites(),
        profiles={transport: way.profile for transport, way in TRANSPORTS.items()},
        now=now,
    )


def _asked_site(request: HttpRequest) -> SiteInfo | None:
    """Return the site that the address names, else the first; None where there is none."""
    sites = {site.code: site for site in registry.list_sites()}
    return sites.get(request.GET.get("site", "")) or next(iter(sites.values()), None)


def _named(site: str, partner: str) -> tuple[SiteInfo, PartnerInfo]:
    """Return a site and its partner, or answer 404."""
    info = registry.get_site(code=site)
    found = registry.find_partner(site_code=site, partner_code=partner)
    if found is None:
        raise Http404
    return info, found


def _name(partner: PartnerInfo, frame: console.Frame) -> str:
    return pick(partner.legal_name, frame["language"]) or partner.code


def _given(form: Mapping[str, Any], name: str) -> str:
    """Return what was written, as the database and the partners can take it."""
    text = str(form.get(name, ""))
    return text.replace("\x00", "").replace("\r\n", "\n").strip()


def _which(text: str) -> Which:
    return next((which for which in page.WHICH if which == text), Which.OPEN)


def _after(request: HttpRequest) -> Cursor | None:
    return rules.parse_cursor(request.GET.get("after", ""))


def _range(
    form: Mapping[str, Any], site: SiteInfo
) -> tuple[datetime | None, datetime | None, tuple[str, ...]]:
    """Return both ends of a range, None = open, and the fields that name no moment."""
    ends = {name: _given(form, name) for name in ("since", "until")}
    moments = {name: page.parse_moment(text, zone=site.zone) for name, text in ends.items()}
    wrong = tuple(name for name, text in ends.items() if text and moments[name] is None)
    return moments["since"], moments["until"], wrong


def _transport(request: HttpRequest, known: EndpointInfo | None) -> Transport | None:
    """Return the way that was chosen, else the present one; None = yet to be chosen."""
    asked = request.POST.get("transport") or request.GET.get("transport", "")
    chosen = next((transport for transport in TRANSPORTS if transport == asked), None)
    return chosen or (known.transport if known is not None and not asked else None)


def _kept(known: EndpointInfo | None, transport: Transport | None) -> dict[str, str]:
    """Return what the form begins with."""
    if known is None or known.transport is not transport:
        return {}
    return {
        "url": known.url,
        "confirms_by": str(known.confirms_by),
        "concurrency": str(known.concurrency),
        "is_for_erasures_only": "1" if known.is_for_erasures_only else "",
        **{f"settings.{code}": value for code, value in known.settings.items()},
    }


def _written(request: HttpRequest, transport: Transport) -> dict[str, str]:
    profile = TRANSPORTS[transport].profile
    names = ["is_for_erasures_only", *(f"settings.{one.code}" for one in profile.settings)]
    names += ["url"] if profile.has_url else []
    names += ["confirms_by"] if len(profile.confirms_by) > 1 else []
    names += [] if profile.is_pulled else ["concurrency"]
    return {name: _given(request.POST, name) for name in names}


def _confirms_by(text: str) -> ConfirmsBy | None:
    return next((way for way in ConfirmsBy if way == text), None)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _by(request: HttpRequest) -> dict[str, Any]:
    """Return who acts, and when."""
    return {"actor": request.user.get_username(), "now": timezone.now()}


def _done(
    request: HttpRequest,
    frame: console.Frame,
    said: str,
    *,
    site: str,
    partner: str,
    **words: str,
) -> HttpResponse:
    messages.success(request, frame["text"][said].format(**words))
    return _to("partner", frame, site=site, partner=partner)


def _to(name: str, frame: console.Frame, **names: object) -> HttpResponse:
    address = reverse(f"deliveries:{name}", kwargs=names)
    return HttpResponseRedirect(f"{address}?lang={frame['language']}")
