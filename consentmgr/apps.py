"""What happens once at start, and after every migration."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ConsentmgrConfig(AppConfig):
    name = "consentmgr"
    label = "consentmgr"

    def ready(self) -> None:
        # The web process publishes hints through this app.
        from consentmgr import celery, grants, roles  # noqa: F401

        post_migrate.connect(grants.grant_after_migration, sender=self)
        post_migrate.connect(roles.make_roles, sender=self)
