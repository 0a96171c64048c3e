"""The demo shop's pages. To the service they are what any customer's pages are: a foreign site."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from consentmgr.demo import server_events
from consentmgr.demo.catalogue import read_catalogue
from consentmgr.demo.places import SITE, Places, get_places
from consentmgr.demo.texts import get_texts

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

# A member of the shop, so that the partners have attributes to ask for. Nobody signs in here.
MEMBER = {
    "attr.gender": "female",
    "attr.age": "30-39",
    "attr.occupation": "designer",
    "attr.other": "tokyo; coats",
}


def _on_localhost(view: View[P]) -> View[P]:
    """
    Serve the shop on `localhost` alone, in the language that `?lang=` asks for.

    The receivers are on 127.0.0.1, and cookies know no ports: there the shop's would reach them.
    """

    @require_safe
    @wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        host, _, port = request.get_host().partition(":")
        if host == "127.0.0.1":
            port = f":{port}" if port else ""
            return HttpResponseRedirect(f"http://localhost{port}{request.get_full_path()}")
        wanted = request.GET.get("lang")
        if wanted in {"ja", "en"} and wanted != kwargs["language"]:
            return HttpResponseRedirect(_address(request, str(wanted)))
        with translation.override(str(kwargs["language"])):
            return view(request, *args, **kwargs)

    return wrapped


@_on_localhost
def home(request: HttpRequest, language: str) -> HttpResponse:
    return _page(request, language, "home", {})


@_on_localhost
def item(request: HttpRequest, language: str, code: str) -> HttpResponse:
    chosen = _find_item(language, code)
    if chosen is None:
        raise Http404
    others = [one for one in _list_items(language) if one["code"] != code]
    return _page(
        request,
        language,
        "item",
        {"item": chosen, "others": others},
        event="view_item",
        content=f"{chosen['code']} {chosen['name']}",
    )


@_on_localhost
def article(request: HttpRequest, language: str) -> HttpResponse:
    title = get_texts("shop", language)["article_title"]
    return _page(request, language, "article", {}, event="view_article", content=f"collar {title}")


@_on_localhost
def order(request: HttpRequest, language: str) -> HttpResponse:
    """
    Confirm an order. A GET, since nothing is sold: the page can be reloaded and linked to.

    The same order from the same tab keeps its number, by which partners tell a repeated event.
    """
    chosen = _find_item(language, request.GET.get("item", ""))
    if chosen is None:
        return _page(request, language, "order", {"item": None})
    guard = request.GET.get("guard", "")[:64]
    digest = hashlib.sha256(f"{guard} {chosen['code']}".encode()).hexdigest()
    number = f"K-{digest[:8].upper()}"
    places = get_places()
    sent = server_events.send_purchase(
        places=places,
        order_number=number,
        content=f"{chosen['code']} {chosen['name']}",
        value=chosen["price"],
        member=MEMBER,
        page_url=f"{places.shop}{request.path}",
        visitor=server_events.Visitor(
            cookies=request.headers.get("Cookie", ""),
            gpc=request.headers.get("Sec-GPC", ""),
            user_agent=request.headers.get("User-Agent", ""),
        ),
        now=timezone.now(),
    )
    return _page(
        request,
        language,
        "order",
        {"item": chosen, "number": number, "sent": sent},
        event="purchase",
        content=f"{chosen['code']} {chosen['name']}",
        purchase=f"{number} JPY {chosen['price']}",
    )


def _page(
    request: HttpRequest,
    language: str,
    name: str,
    context: dict[str, Any],
    *,
    event: str = "page_view",
    content: str = "",
    purchase: str = "",
) -> HttpResponse:
    places = get_places()
    catalogue = read_catalogue(places=places)
    texts = get_texts("shop", language)
    response = render(
        request,
        f"demo/{name}.html",
        {
            "language": language,
            "other": "ja" if language == "en" else "en",
            "other_url": _address(request, "ja" if language == "en" else "en"),
            "site": SITE,
            "t": texts,
            "items": _list_items(language),
            "loaders": {
                tag["code"]: tag.get("loader_url", "") for tag in catalogue.declaration["tags"]
            },
            "origins": {one.partner: one.origin for one in catalogue.receivers},
            "overview_url": f"{places.overview}?lang={language}",
            "urls": {
                page: reverse(f"demo:{page}-{language}") for page in ("home", "article", "order")
            },
            "event": event,
            "content": content,
            "purchase": purchase,
            "member": json.dumps(MEMBER),
            **context,
        },
    )
    response["Content-Security-Policy"] = _policy(
        places, [one.origin for one in catalogue.receivers]
    )
    # The order page speaks of one device; the others are cheap.
    response["Cache-Control"] = "no-store"
    return response


def _policy(places: Places, partners: list[str]) -> str:
    """Allow what a shop with these partners allows; whether they load is the gate's matter."""
    hosts = " ".join(partners)
    return (
        f"default-src 'none'; script-src 'self' {hosts}; style-src 'self'; "
        f"img-src 'self' data: {hosts}; connect-src 'self' {hosts}; frame-src 'self' {hosts}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def _address(request: HttpRequest, language: str) -> str:
    """Return this page's address in a language."""
    match = request.resolver_match
    assert match is not None  # noqa: S101  # every view was resolved
    name = (match.url_name or "home").rpartition("-")[0]
    kwargs = {key: value for key, value in match.kwargs.items() if key != "language"}
    address = reverse(f"demo:{name}-{language}", kwargs=kwargs)
    query = request.GET.copy()
    query.pop("lang", None)
    return f"{address}?{query.urlencode()}" if query else address


def _list_items(language: str) -> list[dict[str, Any]]:
    """Return what the shop sells, each with its price as people write it."""
    form = "¥{:,}" if language == "en" else "{:,}円"
    return [
        {**one, "price_text": form.format(one["price"])}
        for one in get_texts("shop", language)["items"]
    ]


def _find_item(language: str, code: str) -> dict[str, Any] | None:
    return next((one for one in _list_items(language) if one["code"] == code), None)
