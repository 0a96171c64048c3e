"""A version says who looked at it, why, what it brought back, when it is to be looked at again."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notices", "0002_append_only")]

    operations = [
        migrations.AddField(
            model_name="noticeversion", name="note", field=models.TextField(default="")
        ),
        migrations.AddField(
            model_name="noticeversion", name="reviewer", field=models.TextField(default="")
        ),
        migrations.AddField(
            model_name="noticeversion",
            name="restores",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="noticeversion", name="review_on", field=models.DateField(null=True)
        ),
        migrations.AddConstraint(
            model_name="noticeversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("restores__isnull", True),
                    ("restores__lt", models.F("number")),
                    _connector="OR",
                ),
                name="notice_restores_an_older_one",
            ),
        ),
    ]
