"""A catalogue as large as a shop with a long history of tags."""

from __future__ import annotations

from typing import Any

from tests.factories.registry import catalogue, item, partner, tag, text


def large_catalogue(*, tags: int = 200, partners: int = 80) -> dict[str, Any]:
    """Return the small site's catalogue with so many tags, spread over so many partners."""
    return catalogue(
        data_items=[item("id.cookie", "2"), *(item(f"activity.item{n}") for n in range(20))],
        partners=[partner(f"partner{n}", address=text("Address")) for n in range(partners)],
        tags=[
            tag(
                f"tag{n}",
                f"partner{n % partners}",
                ["analytics"] if n % 3 else ["advertising", "personalisation"],
                required_items=["id.cookie", *(f"activity.item{(n + k) % 20}" for k in range(3))],
                optional_items=[f"activity.item{(n + 5) % 20}"],
                optout_effect=text("All works as before."),
                retention=text("2 years"),
                cookies=[{"name": f"_c{n}", "lifetime_days": 365}],
            )
            for n in range(tags)
        ],
    )
