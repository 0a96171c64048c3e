"""`consentmgr.embed` in INSTALLED_APPS: the template tags and the checks of the settings."""

from django.apps import AppConfig
from django.core import checks


class EmbedConfig(AppConfig):
    # Wherever the folder was copied to.
    name = __package__
    label = "consent_embed"
    verbose_name = "Consent Manager"

    def ready(self) -> None:
        from .checks import check_middleware, check_settings

        checks.register(check_settings)
        checks.register(check_middleware)
