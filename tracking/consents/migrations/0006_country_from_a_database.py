"""A visitor's country may come from the operator's database."""

from django.db import migrations

CHECK = "consents_consentrecord_country_method_check"

# Every row keeps to the narrower list: nothing is read again, and nobody waits for the lock.
WIDEN = f"""
ALTER TABLE consents_consentrecord DROP CONSTRAINT {CHECK};
ALTER TABLE consents_consentrecord ADD CONSTRAINT {CHECK}
  CHECK (country_method IN ('header', 'database', 'site_default')) NOT VALID;
"""

NARROW = f"""
ALTER TABLE consents_consentrecord DROP CONSTRAINT {CHECK};
ALTER TABLE consents_consentrecord ADD CONSTRAINT {CHECK}
  CHECK (country_method IN ('header', 'site_default'));
"""


class Migration(migrations.Migration):
    dependencies = [("consents", "0005_erasures")]

    operations = [migrations.RunSQL(WIDEN, NARROW)]
