"""
One file per way to reach a partner, and the table that names them.

Another way is a copy of one of them, its value in `types.Transport` and one line here.
"""

from collections.abc import Mapping

from tracking.delivery.transports import (
    amplitude,
    base,
    braze,
    iab_deletion,
    mixpanel,
    opendsr,
    segment,
    webhook,
)
from tracking.delivery.types import Transport

TRANSPORTS: Mapping[Transport, base.Way] = {
    Transport.WEBHOOK: webhook.WAY,
    Transport.OPENDSR: opendsr.WAY,
    Transport.IAB_DELETION: iab_deletion.WAY,
    Transport.SEGMENT: segment.WAY,
    Transport.BRAZE: braze.WAY,
    Transport.AMPLITUDE: amplitude.WAY,
    Transport.MIXPANEL: mixpanel.WAY,
}
