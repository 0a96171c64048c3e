"""Ask after what an addressee has taken: one clock says when to act, and none that all is said."""

from django.db import migrations, models

CLOSE = (
    "UPDATE outbox_outboxevent SET next_attempt_at = NULL WHERE acked_version >= desired_version"
)
OPEN = "UPDATE outbox_outboxevent SET next_attempt_at = created_at WHERE next_attempt_at IS NULL"


class Migration(migrations.Migration):
    dependencies = [("outbox", "0003_sealed")]

    operations = [
        migrations.AddField(
            model_name="outboxevent",
            name="ticket",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AlterField(
            model_name="outboxevent",
            name="next_attempt_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(CLOSE, OPEN),
    ]
