"""Note when somebody last looked for work."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0005_tallies")]

    operations = [
        migrations.CreateModel(
            name="Pulse",
            fields=[
                ("name", models.TextField(primary_key=True, serialize=False)),
                ("beat_at", models.DateTimeField()),
            ],
        ),
    ]
