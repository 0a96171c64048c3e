"""
One file per way to reach a partner, and the table that names them.

Another way is a copy of one of them, its value in `types.Transport` and one line here.
"""

from collections.abc import Mapping

from tracking.delivery.transports import base, email, pull_feed, webhook
from tracking.delivery.types import Transport

TRANSPORTS: Mapping[Transport, base.Way] = {
    Transport.WEBHOOK: webhook.WAY,
    Transport.PULL_FEED: pull_feed.WAY,
    Transport.EMAIL: email.WAY,
}
