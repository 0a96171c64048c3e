"""Parts of one release have the same digest."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("banner", "0002_append_only")]

    operations = [
        migrations.AlterField(
            model_name="pinnedscript",
            name="digest",
            field=models.SlugField(max_length=64),
        ),
        migrations.AddConstraint(
            model_name="pinnedscript",
            constraint=models.UniqueConstraint(fields=["digest", "part"], name="pinned_once"),
        ),
    ]
