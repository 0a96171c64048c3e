"""Say on what and from where a notice was answered; keep what statistics have not counted yet."""

from __future__ import annotations

from django.db import migrations, models

from tracking.consents.models import ChoiceBits

# Django cannot say PARTITION BY, so the records' table is ours to change. Months follow it.
COLUMNS = """
ALTER TABLE consents_consentrecord
  ADD COLUMN presentation text NOT NULL DEFAULT '',
  ADD COLUMN referrer_class text NOT NULL DEFAULT '';
"""

UNDO_COLUMNS = """
ALTER TABLE consents_consentrecord DROP COLUMN presentation, DROP COLUMN referrer_class;
"""

# What was recorded before waits to be counted like everything else.
WAITING = """
INSERT INTO consents_uncounted (record_key, recorded_at)
SELECT key, recorded_at FROM consents_consentrecord;
"""


class Migration(migrations.Migration):
    dependencies = [("consents", "0008_kept_provisions")]

    operations = [
        migrations.RunSQL(
            COLUMNS,
            UNDO_COLUMNS,
            state_operations=[
                migrations.AddField("consentrecord", "presentation", models.TextField(default="")),
                migrations.AddField(
                    "consentrecord", "referrer_class", models.TextField(default="")
                ),
            ],
        ),
        migrations.CreateModel(
            name="Uncounted",
            fields=[
                ("record_key", models.UUIDField(primary_key=True, serialize=False)),
                ("recorded_at", models.DateTimeField()),
                ("held", ChoiceBits(null=True)),
                ("held_since", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RunSQL(WAITING, migrations.RunSQL.noop),
    ]
