"""Entry point of the workers. Celery carries hints; PostgreSQL holds the work."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consentmgr.settings")

from django.conf import settings

from consentmgr import env
from tracking.delivery import rules
from tracking.insights.rules import TELL_EVERY

app = Celery("consentmgr")
app.conf.update(
    broker_url=env.celery_broker(settings.REDIS_URL),
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    task_default_queue="delivery",
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # A hint published while Redis is away is dropped at once: the sweep finds its row.
    task_publish_retry=False,
    broker_transport_options={
        "socket_timeout": 5,
        "socket_connect_timeout": 1,
        # A hint that is lost costs nothing, and a worker that must give some back to a broker that
        # has gone ends itself.
        "ack_emulation": False,
    },
    worker_hijack_root_logger=False,
    beat_schedule={
        "sweep": {
            "task": "tracking.delivery.tasks.drain",
            "schedule": rules.SWEEP.total_seconds(),
            "options": {"expires": rules.SWEEP.total_seconds()},
        },
        "confirmations": {
            "task": "tracking.delivery.tasks.count_confirmations",
            "schedule": 3600.0,
        },
        "months": {"task": "tracking.consents.tasks.make_months", "schedule": 6 * 3600.0},
        "identifiers": {
            "task": "tracking.consents.tasks.forget_expired_identifiers",
            "schedule": 6 * 3600.0,
        },
        "erasures": {"task": "tracking.consents.tasks.forget_erasures", "schedule": 3600.0},
        "impressions": {"task": "tracking.consents.tasks.forget_impressions", "schedule": 3600.0},
        "reviews": {"task": "tracking.notices.tasks.remind_of_reviews", "schedule": 24 * 3600.0},
        "provisions": {
            "task": "tracking.consents.tasks.forget_provisions",
            "schedule": 6 * 3600.0,
        },
        # What is kept of a network is gone from the disk, too, within two hours.
        "floods": {"task": "tracking.consents.tasks.forget_floods", "schedule": 1800.0},
        "showings": {
            "task": "tracking.insights.tasks.flush",
            "schedule": 5.0,
            "options": {"expires": 5.0},
        },
        "counts": {
            "task": "tracking.insights.tasks.roll_up",
            "schedule": 10.0,
            "options": {"expires": 10.0},
        },
        "numbers": {
            "task": "tracking.insights.tasks.tell",
            "schedule": TELL_EVERY.total_seconds(),
            "options": {"expires": TELL_EVERY.total_seconds()},
        },
        "batches": {"task": "tracking.insights.tasks.forget_batches", "schedule": 24 * 3600.0},
        "tallies": {"task": "tracking.delivery.tasks.drop_old_tallies", "schedule": 6 * 3600.0},
        "alerts": {
            "task": "tracking.insights.tasks.look_for_alerts",
            "schedule": 600.0,
            "options": {"expires": 600.0},
        },
        "reports": {
            "task": "tracking.insights.tasks.send_reports",
            "schedule": 600.0,
            "options": {"expires": 600.0},
        },
    },
)
app.autodiscover_tasks(
    ["tracking.consents", "tracking.delivery", "tracking.insights", "tracking.notices"]
)
