"""Let news that nothing may replace keep a row of its own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_outbox_event")]

    operations = [
        migrations.AddField(
            model_name="outboxevent",
            name="occasion",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.RemoveConstraint(model_name="outboxevent", name="outbox_one_per_subject"),
        migrations.AddConstraint(
            model_name="outboxevent",
            constraint=models.UniqueConstraint(
                fields=("site_id", "addressee", "subject", "kind", "occasion"),
                name="outbox_one_per_subject",
            ),
        ),
    ]
