"""Let a claim change a row where it lies: no index knows of leases, and pages have room."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("outbox", "0005_open_events")]

    operations = [
        migrations.RemoveIndex(model_name="outboxevent", name="outbox_leased"),
        migrations.RunSQL(
            "ALTER TABLE outbox_outboxevent SET (fillfactor = 70)",
            "ALTER TABLE outbox_outboxevent RESET (fillfactor)",
        ),
    ]
