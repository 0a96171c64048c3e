"""Let an operator page through what was confirmed and what was given up, however much it is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0006_claims_in_place")]

    operations = [
        migrations.AddIndex(
            model_name="outboxevent",
            index=models.Index(
                condition=models.Q(("confirmed_at__isnull", False)),
                fields=["site_id", "addressee", "confirmed_at"],
                name="outbox_confirmed",
            ),
        ),
        migrations.AddIndex(
            model_name="outboxevent",
            index=models.Index(
                condition=models.Q(("state", "dead")),
                fields=["site_id", "addressee", "created_at"],
                name="outbox_dead",
            ),
        ),
    ]
