"""What happens once at start, and after every migration."""

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class ConsentmgrConfig(AppConfig):
    name = "consentmgr"
    label = "consentmgr"

    def ready(self) -> None:
        # The web process publishes hints through this app.
        from consentmgr import celery, grants, roles  # noqa: F401

        # The signal comes once per app that has tables; after the last one everything is there.
        last = [config for config in apps.get_app_configs() if config.models_module][-1]
        post_migrate.connect(grants.grant_after_migration, sender=last)
        post_migrate.connect(roles.make_roles, sender=last)
