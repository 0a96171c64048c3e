"""Every front door on one screen."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from consentmgr import health, metrics
from tracking.banner import urls as banner
from tracking.registry import queries as registry

handler400 = "consentmgr.error_pages.bad_request"
handler404 = "consentmgr.error_pages.not_found"
handler500 = "consentmgr.error_pages.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("workz", health.workz),
    path("metrics", metrics.metrics),
    path("b/", include(banner.script_urlpatterns)),
    path("v1/", include("tracking.banner.urls")),
    path("v1/", include("tracking.consents.urls")),
    path("v1/", include("tracking.gate.urls")),
    path("v1/", include("tracking.insights.api_urls")),
    path("v1/", include("tracking.delivery.urls")),
    path("v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("v1/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("", include("tracking.preferences.urls")),
    path("", include("tracking.delivery.page_urls")),
    path("", include("tracking.insights.page_urls")),
    # One sign-in for the console and its admin.
    path(
        "console/admin/login/",
        RedirectView.as_view(pattern_name="console:sign-in", query_string=True),
    ),
    path("console/admin/", admin.site.urls),
    path("console/deliveries/", include("tracking.delivery.console_urls")),
    path("console/audit/", include("tracking.audit.urls"), {"list_sites": registry.list_sites}),
    path("console/notices/", include("tracking.publishing.urls")),
    path("console/ledgers/", include("tracking.ledgers.urls")),
    path("console/simulator/", include("tracking.preferences.console_urls")),
    path("console/access/", include("tracking.access.urls")),
    path("console/scans/", include("tracking.scanner.console_urls")),
    path("console/experiments/", include("tracking.trials.urls")),
    path("console/", include("tracking.insights.urls")),
]

if settings.DEMO:
    urlpatterns += [
        path("demo/", include("consentmgr.demo.urls")),
        path("", RedirectView.as_view(url="/demo/")),
    ]
