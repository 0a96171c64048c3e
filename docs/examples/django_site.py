"""
A Django site in one file, with the script, the frame, a tag and the link.

    python3 manage.py up
    python3 manage.py catalogue apply docs/examples/shop.yaml --publish
    PYTHONPATH=. .venv/bin/python docs/examples/django_site.py runserver localhost:8080
"""

import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.urls import path

PAGE = """{% load consent %}<!doctype html>
<html lang="ja">
<head>
<meta charset="utf-8">
{% consent_head %}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>見本の店</title>
</head>
<body>
{% consent_body %}
<h1>見本の店</h1>
<p id="counted">数えていません。</p>
<p>{% consent_link %}</p>
{% consent_tag "counter" %}<script>document.getElementById("counted").textContent = "数えました。";</script>{% endconsent_tag %}
</body>
</html>"""  # noqa: E501

settings.configure(
    DEBUG=True,
    SECRET_KEY="for this machine only",  # noqa: S106
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["consentmgr.embed"],
    LANGUAGE_CODE="ja",
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    CONSENT_MANAGER={"url": "http://localhost:8000", "site": "example"},
)


def home(request: HttpRequest) -> HttpResponse:
    """Show the page."""
    return HttpResponse(Template(PAGE).render(Context({"request": request})))


urlpatterns = [path("", home)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
