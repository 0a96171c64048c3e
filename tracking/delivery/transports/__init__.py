"""
One file per way to reach a partner, and the table that names them.

Another way is a copy of one of them, its value in `types.Transport` and one line here.
"""

from collections.abc import Mapping

from tracking.delivery.transports import (
    amplitude,
    base,
    braze,
    criteo,
    email,
    google_analytics,
    google_data_manager,
    iab_deletion,
    meta_audience,
    mixpanel,
    opendsr,
    pull_feed,
    s3_file,
    segment,
    sftp_file,
    webhook,
)
from tracking.delivery.types import Transport

TRANSPORTS: Mapping[Transport, base.Way] = {
    Transport.WEBHOOK: webhook.WAY,
    Transport.PULL_FEED: pull_feed.WAY,
    Transport.EMAIL: email.WAY,
    Transport.S3_FILE: s3_file.WAY,
    Transport.SFTP_FILE: sftp_file.WAY,
    Transport.AMPLITUDE: amplitude.WAY,
    Transport.BRAZE: braze.WAY,
    Transport.CRITEO: criteo.WAY,
    Transport.GOOGLE_ANALYTICS: google_analytics.WAY,
    Transport.GOOGLE_DATA_MANAGER: google_data_manager.WAY,
    Transport.IAB_DELETION: iab_deletion.WAY,
    Transport.META_AUDIENCE: meta_audience.WAY,
    Transport.MIXPANEL: mixpanel.WAY,
    Transport.OPENDSR: opendsr.WAY,
    Transport.SEGMENT: segment.WAY,
}
