"""`{% load consent %}`: the script, the frame for browsers without it, tags that wait, the link."""

from __future__ import annotations

from django import template
from django.template.context import Context
from django.utils.safestring import SafeString

from .. import snippets  # noqa: TID252  # wherever the folder was copied to

register = template.Library()


@register.simple_tag(takes_context=True)
def consent_head(context: Context, *, inline: bool = False) -> SafeString:
    """Write the script: first in `<head>`, before every tag. See `snippets.head` for `inline`."""
    nonce = snippets.read_nonce(context.get("request"), context.get("csp_nonce"))
    return snippets.head(nonce=nonce, inline=inline)


@register.simple_tag
def consent_body() -> SafeString:
    """Write the first layer for browsers without scripts: directly after `<body>`."""
    return snippets.body()


@register.simple_block_tag
def consent_tag(content: str, code: str) -> SafeString:
    """Keep a tag's markup shut until the visitor's choices allow it."""
    return snippets.tag(code=code, markup=content)


@register.simple_tag
def consent_part(name: str, heading: int = 2) -> SafeString:
    """Write a page that the service publishes, such as `cookies`, as a part of this one."""
    return snippets.part(name=name, heading=heading)


@register.simple_tag
def consent_link(text: str = "", **attributes: str) -> SafeString:
    """Write the link to the settings; keyword arguments become attributes, such as `class`."""
    return snippets.link(text=text, **attributes)
