"""That a version was looked at again stays; who is reminded of it is reminded once."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

GUARD = """
CREATE TRIGGER reviews_append_only BEFORE UPDATE OR DELETE ON notices_noticereview
  FOR EACH ROW EXECUTE FUNCTION notices_refuse_change();
CREATE TRIGGER reviews_no_truncate BEFORE TRUNCATE ON notices_noticereview
  FOR EACH STATEMENT EXECUTE FUNCTION notices_refuse_change();
"""
UNDO = """
DROP TRIGGER reviews_no_truncate ON notices_noticereview;
DROP TRIGGER reviews_append_only ON notices_noticereview;
"""


def _id() -> tuple[str, models.Field]:
    return (
        "id",
        models.BigAutoField(
            auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
        ),
    )


def _notice() -> tuple[str, models.Field]:
    return (
        "notice",
        models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="notices.noticeversion"),
    )


class Migration(migrations.Migration):
    dependencies = [("notices", "0004_drafts")]

    operations = [
        migrations.CreateModel(
            name="NoticeReview",
            fields=[
                _id(),
                ("reviewed_at", models.DateTimeField()),
                ("reviewer", models.TextField()),
                ("next_on", models.DateField()),
                _notice(),
            ],
        ),
        migrations.RunSQL(GUARD, UNDO),
        migrations.CreateModel(
            name="ReviewReminder",
            fields=[
                _id(),
                ("review_on", models.DateField()),
                ("is_overdue", models.BooleanField()),
                ("sent_at", models.DateTimeField()),
                _notice(),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("notice", "review_on", "is_overdue"), name="reminded_once"
                    )
                ],
            },
        ),
    ]
