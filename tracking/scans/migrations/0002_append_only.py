"""Refuse every change to a scan: the page says on which day a site was last checked."""

from django.db import migrations

GUARD = """
CREATE FUNCTION scans_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: scans are append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER scans_append_only BEFORE UPDATE OR DELETE ON scans_scan
  FOR EACH ROW EXECUTE FUNCTION scans_refuse_change();
CREATE TRIGGER scans_no_truncate BEFORE TRUNCATE ON scans_scan
  FOR EACH STATEMENT EXECUTE FUNCTION scans_refuse_change();
"""

UNDO = """
DROP TRIGGER scans_no_truncate ON scans_scan;
DROP TRIGGER scans_append_only ON scans_scan;
DROP FUNCTION scans_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("scans", "0001_scan")]

    operations = [migrations.RunSQL(GUARD, UNDO)]
