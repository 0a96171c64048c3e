"""Where the shop, the service and the receivers are on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass

from consentmgr import env

SITE = "kloset"

_DEFAULT_PORT = 8000
_RECEIVERS_ABOVE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """
    The shop lives on `localhost` and the receivers on `127.0.0.1`: another host to a browser, so
    that no cookie of the shop travels to a receiver.
    """

    port: int
    partner_port: int

    @property
    def service(self) -> str:
        """Origin under which programs reach the service."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def shop(self) -> str:
        """Origin of the shop's pages."""
        return f"http://localhost:{self.port}"

    @property
    def overview(self) -> str:
        """Address of the page that shows what the receivers got."""
        return f"http://127.0.0.1:{self.partner_port}/"

    def receiver(self, offset: int) -> str:
        """Return host and port of a receiver."""
        return f"127.0.0.1:{self.partner_port + offset}"


def get_places() -> Places:
    """Return the places that PORT and DEMO_PARTNER_PORT name."""
    port = int(env.text("PORT", default=str(_DEFAULT_PORT)))
    # Read by the demo alone, so it is not among the product's own variables.
    partner_port = int(os.environ.get("DEMO_PARTNER_PORT") or port + _RECEIVERS_ABOVE)
    return Places(port=port, partner_port=partner_port)
