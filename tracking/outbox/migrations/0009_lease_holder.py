"""Know whose lease it is, so that the dead hold nobody up."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0008_confirmed_hours")]

    operations = [
        migrations.AddField(
            model_name="outboxevent",
            name="lease_holder",
            field=models.IntegerField(null=True),
        ),
    ]
