"""
One file per way to reach a partner, and the table that names them.

Another way is a copy of `webhook.py`, its value in `types.Transport` and one line here.
"""

from collections.abc import Mapping

from tracking.delivery.transports import base, webhook
from tracking.delivery.types import Transport

TRANSPORTS: Mapping[Transport, base.Send] = {
    Transport.WEBHOOK: webhook.send,
}
