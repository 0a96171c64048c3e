"""Both languages say the same things, with the same values in them."""

from __future__ import annotations

from string import Formatter

import pytest

from tracking.delivery import wording


@pytest.mark.parametrize("page", [wording.mail, wording.acknowledge_page])
def test_both_languages_are_whole(page: object) -> None:
    ja, en = (
        {
            name: {field for _, field, _, _ in Formatter().parse(text) if field}
            for name, text in texts(language=language).items()
        }
        for texts in [page]
        for language in wording.LANGUAGES
    )
    assert ja == en
    assert len(ja) >= 5
