"""The `?site=` that every reading call names."""

from __future__ import annotations

import re

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

SITE = OpenApiParameter("site", str, required=True, description="The site's code.")

_CODE = re.compile(r"[-\w]{1,64}", re.ASCII)


def named_site(request: Request) -> str:
    """
    Return the site's code from the query string.

    :raises ValidationError: if it is missing or no code
    """
    site = str(request.query_params.get("site", ""))
    if not _CODE.fullmatch(site):
        raise ValidationError({"site": ["Name the site: ?site=code"]})
    return site
