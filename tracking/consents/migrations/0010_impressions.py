"""Tell decisions that came with a proof of being shown from those that did not."""

from __future__ import annotations

from django.db import migrations, models

NONCE = """
ALTER TABLE consents_spentimpression
  ADD CONSTRAINT spent_nonce_length CHECK (octet_length(nonce) = 12);
"""

# Not valid: what is there was written by us, and a look at all of it would hold up decisions.
WORDS = """
ALTER TABLE consents_consentrecord
  ADD CONSTRAINT record_referrer_class_known CHECK
    (referrer_class IN ('direct', 'same_site', 'search', 'social', 'other', '')) NOT VALID,
  ADD CONSTRAINT record_variant_is_code CHECK (variant ~ '^[a-z0-9:_-]{0,64}$') NOT VALID;
"""

UNDO_WORDS = """
ALTER TABLE consents_consentrecord
  DROP CONSTRAINT record_referrer_class_known, DROP CONSTRAINT record_variant_is_code;
"""


class Migration(migrations.Migration):
    dependencies = [("consents", "0009_counting")]

    operations = [
        migrations.AddField("device", "is_suspect", models.BooleanField(db_default=False)),
        migrations.CreateModel(
            name="SpentImpression",
            fields=[
                ("nonce", models.BinaryField(primary_key=True, serialize=False)),
                ("spent_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index(fields=["spent_at"], name="spent_by_age")]},
        ),
        migrations.RunSQL(NONCE, migrations.RunSQL.noop),
        migrations.RunSQL(WORDS, UNDO_WORDS),
    ]
