"""Carry what only the addressee may read."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0002_occasions")]

    operations = [
        migrations.AddField(
            model_name="outboxevent",
            name="sealed",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
