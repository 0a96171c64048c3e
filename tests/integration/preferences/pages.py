"""A browser without scripts: it opens pages, ticks boxes and presses buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.test import Client

PAGE = "/preferences/shop/"
TRANSMISSION = "/external-transmission/shop/"


@dataclass
class Form:
    action: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    boxes: dict[str, bool] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(action=got.get("action", "")))
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append(got.get("value", ""))
        elif tag == "input" and self.forms:
            form = self.forms[-1]
            if got.get("type") == "checkbox":
                form.boxes[got["value"]] = "checked" in got
            elif got.get("type") != "radio" or "checked" in got:
                form.fields.append((got["name"], got["value"]))


def forms_in(html: str) -> list[Form]:
    parser = _Forms()
    parser.feed(html)
    return parser.forms


class Browser:
    """Keeps cookies, sends what forms hold, follows redirects; checks the forms' tokens."""

    def __init__(self, language: str = "ja", **headers: str) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.headers = {"Accept-Language": language, **headers}
        self.response: Any = None

    @property
    def html(self) -> str:
        return str(self.response.content.decode())

    def open(self, address: str) -> Browser:
        self.response = self.client.get(address, headers=self.headers)
        return self

    def form(self, having: str) -> Form:
        return next(form for form in forms_in(self.html) if having in form.buttons)

    def press(self, button: str, *, ticks: set[str] | None = None, **changes: Any) -> Browser:
        """Press a button; `ticks` are the boxes that are on, None = as they are."""
        form = self.form(button)
        on = ticks if ticks is not None else {box for box, is_on in form.boxes.items() if is_on}
        data: dict[str, Any] = {**dict(form.fields), "on": sorted(on), "act": button}
        hidden = [value for name, value in form.fields if name == "on"]
        data["on"] = [*data["on"], *hidden]
        return self.send(form.action, {**data, **changes})

    def send(self, address: str, data: dict[str, Any]) -> Browser:
        self.response = self.client.post(address, data, headers=self.headers)
        if self.response.status_code == 303:
            self.open(self.response["Location"].partition("#")[0])
        return self
