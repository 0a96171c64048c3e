"""The lines in pages whose templates nobody can touch."""

from __future__ import annotations

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from consentmgr.embed.middleware import ConsentMiddleware

HEAD = '<script src="https://consent.shop.example/b/shop.js?lang=ja"></script>'
BODY = '<noscript><link rel="stylesheet" href="https://consent.shop.example/first-layer/shop.css">'
PAGE = "<!doctype html><html><head><title>t</title></head><body>x</body></html>"


def through(response: HttpResponseBase, **of_request: str) -> HttpResponseBase:
    request = RequestFactory().get("/")
    for name, value in of_request.items():
        setattr(request, name, value)
    return ConsentMiddleware(lambda _: response)(request)


def page(text: str, **of_request: str) -> str:
    answer = through(HttpResponse(text), **of_request)
    assert isinstance(answer, HttpResponse)
    return answer.content.decode()


def test_the_script_is_first_in_the_head_and_the_frame_first_in_the_body() -> None:
    got = page(PAGE)

    assert f"<head>{HEAD}<title>" in got
    assert f"<body>{BODY}" in got
    assert "</noscript>x</body>" in got


@pytest.mark.parametrize(
    "text",
    [
        "<HTML><HEAD\nlang='ja'><BODY class=\"a>b\" data-x='>'><p>",
        "<!-- <head><body> --><head><script>a='<body>'</script></head><body>",
        "<header></header><head><title><body></title></head><body>",
    ],
)
def test_what_only_looks_like_a_tag_is_none(text: str) -> None:
    got = page(text)

    assert got.count(HEAD) == got.count(BODY) == 1
    assert got.replace(HEAD, "").replace(got[got.index(BODY) : got.index("</noscript>") + 11], "") \
        == text  # fmt: skip
    real = text.lower().rindex("<body")
    assert got.index(BODY) > real + len(HEAD)
    assert got.index(HEAD) < got.lower().index("<script>a" if "<script>a" in got else BODY.lower())


@pytest.mark.parametrize("text", ["", "<p>a fragment</p>", "<header>", "<!-- <head> <body> -->"])
def test_pages_without_a_place_are_left(text: str) -> None:
    assert page(text) == text


def test_a_page_that_has_the_lines_keeps_its_own() -> None:
    once = page(PAGE)
    assert page(once) == once
    by_hand = PAGE.replace("<title>", '<script src="/proxy/b/shop.js"></script><title>')
    assert "consent.shop.example/b/" not in page(by_hand)
    assert BODY in page(by_hand)
    inline = PAGE.replace("<title>", "<script data-cm-inline>start()</script><title>")
    assert "consent.shop.example/b/" not in page(inline)


def test_the_nonce_of_the_answer_is_used() -> None:
    line = HEAD.replace("></", ' nonce="n1"></')
    assert f"<head>{line}" in page(PAGE, csp_nonce="n1")


def test_the_length_is_that_of_the_new_page() -> None:
    response = HttpResponse(PAGE)
    response["Content-Length"] = str(len(PAGE))
    answer = through(response)

    assert isinstance(answer, HttpResponse)
    assert int(answer["Content-Length"]) == len(answer.content) > len(PAGE)
    assert "Content-Length" not in through(HttpResponse(PAGE))


def test_the_page_keeps_its_charset() -> None:
    response = HttpResponse(PAGE.encode("shift_jis"), content_type="text/html; charset=shift_jis")
    answer = through(response)

    assert isinstance(answer, HttpResponse)
    assert 'title="送る情報の設定"' in answer.content.decode("shift_jis")
    latin = HttpResponse(PAGE.encode(), content_type="text/html; charset=latin-1")
    answer = through(latin)
    assert isinstance(answer, HttpResponse)
    assert 'title="&#36865;' in answer.content.decode("latin-1")


def test_other_answers_are_left_as_they_are() -> None:
    others = [
        HttpResponse(PAGE, content_type="text/plain"),
        HttpResponse(PAGE, content_type="application/json"),
        # Whatever the bytes look like.
        HttpResponse(PAGE, headers={"Content-Encoding": "br"}),
    ]
    for response in others:
        before = response.content
        answer = through(response)
        assert isinstance(answer, HttpResponse)
        assert answer.content == before
    streamed = through(StreamingHttpResponse([PAGE.encode()]))
    assert isinstance(streamed, StreamingHttpResponse)
    assert b"".join(streamed) == PAGE.encode()  # type: ignore[arg-type]
