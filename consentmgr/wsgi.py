"""Entry point of the web server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "consentmgr.settings")
application = get_wsgi_application()

from consentmgr.postgres.base import watch  # noqa: E402

watch()
