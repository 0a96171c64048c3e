"""What the template tags write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, RequestContext, Template
from django.test import RequestFactory
from django.utils import translation
from django.utils.functional import SimpleLazyObject, empty
from pytest_django.fixtures import Settings

import consentmgr.embed
from consentmgr.embed import snippets

LINE = '<script src="https://consent.shop.example/b/shop.js?lang=ja"></script>'


class LazyNonce(SimpleLazyObject):
    """As in Django 6 and django-csp: false until it was used."""

    def __bool__(self) -> bool:
        return self._wrapped is not empty


def render(template: str, context: Context | None = None, language: str | None = "ja") -> str:
    with translation.override(language):
        return Template("{% load consent %}" + template).render(context or Context())


def test_the_head_is_one_script_in_the_pages_language() -> None:
    assert render("{% consent_head %}") == LINE
    assert render("{% consent_head %}", language="en-us") == LINE.replace("ja", "en")
    assert render("{% consent_head %}", language=None) == LINE.replace("?lang=ja", "")


def test_the_head_carries_the_nonce_of_the_context_or_of_the_request() -> None:
    expected = LINE.replace("></", ' nonce="n&quot;1"></')
    request = RequestFactory().get("/")

    nonce = LazyNonce(lambda: 'n"1')
    assert render("{% consent_head %}", Context({"csp_nonce": nonce})) == expected
    request.csp_nonce = LazyNonce(lambda: 'n"1')  # type: ignore[attr-defined]
    assert render("{% consent_head %}", RequestContext(request)) == expected


def test_the_nonce_of_django_6_is_found_without_a_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snippets, "get_nonce", lambda request: LazyNonce(lambda: "n2"))

    assert snippets.read_nonce(RequestFactory().get("/")) == "n2"
    assert snippets.read_nonce(None) == ""


def test_the_body_is_the_frame_for_browsers_without_scripts() -> None:
    assert render("{% consent_body %}") == (
        "<noscript>"
        '<link rel="stylesheet" href="https://consent.shop.example/first-layer/shop.css">'
        '<iframe class="cm-first-layer" '
        'src="https://consent.shop.example/first-layer/shop/?lang=ja" title="送る情報の設定" '
        'referrerpolicy="no-referrer-when-downgrade"></iframe></noscript>'
    )
    assert 'title="Privacy choices"' in render("{% consent_body %}", language="fr")


def test_a_tag_waits_with_its_markup_as_the_template_wrote_it() -> None:
    written = render(
        '{% consent_tag code %}<script src="{{ at }}"></script>{% endconsent_tag %}',
        Context({"code": 'a"b', "at": "https://t.example/?a&b"}),
    )

    assert written == (
        '<template data-cm-tag="a&quot;b">'
        '<script src="https://t.example/?a&amp;b"></script></template>'
    )


def test_the_link_leads_to_the_settings_with_and_without_scripts() -> None:
    address = "https://consent.shop.example/preferences/shop/?lang=ja"

    assert render("{% consent_link %}") == f'<a href="{address}" data-cm-open>送る情報の設定</a>'
    mine = render('{% consent_link text class="foot" %}', Context({"text": "<Mine>"}))
    assert mine == (f'<a href="{address}" data-cm-open class="foot">&lt;Mine&gt;</a>')


@pytest.mark.parametrize("given", [None, {}, {"url": "https://consent.shop.example"}, "shop"])
def test_without_settings_the_error_says_what_to_set(settings: Settings, given: object) -> None:
    settings.CONSENT_MANAGER = given

    with pytest.raises(ImproperlyConfigured, match="https://consent.shop.example"):
        render("{% consent_head %}")


def test_the_folder_works_alone_under_another_name(tmp_path: Path) -> None:
    copytree(Path(consentmgr.embed.__file__).parent, tmp_path / "cookies")
    program = (
        "import django\n"
        "from django.conf import settings\n"
        "from django.core.checks import run_checks\n"
        "settings.configure(USE_I18N=False, INSTALLED_APPS=['cookies'],\n"
        "  MIDDLEWARE=['cookies.middleware.ConsentMiddleware'],\n"
        "  CONSENT_MANAGER={'url': 'https://c.example', 'site': 's'},\n"
        "  TEMPLATES=[{'BACKEND': 'django.template.backends.django.DjangoTemplates'}])\n"
        "django.setup()\n"
        "assert run_checks() == [], run_checks()\n"
        "import cookies.middleware, sys\n"
        "from django.template import Template, Context\n"
        "print(Template('{% load consent %}{% consent_head %}').render(Context()))\n"
        "assert not [m for m in sys.modules if m.split('.')[0] in ('consentmgr', 'tracking')]\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )

    assert answer.stdout == '<script src="https://c.example/b/s.js"></script>\n', answer.stderr
