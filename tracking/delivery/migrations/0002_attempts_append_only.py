"""Refuse every change to an attempt: it is what we can show to have tried."""

from django.db import migrations

GUARD = """
CREATE FUNCTION delivery_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: attempts are append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER delivery_append_only BEFORE UPDATE OR DELETE ON delivery_attempt
  FOR EACH ROW EXECUTE FUNCTION delivery_refuse_change();
CREATE TRIGGER delivery_no_truncate BEFORE TRUNCATE ON delivery_attempt
  FOR EACH STATEMENT EXECUTE FUNCTION delivery_refuse_change();
"""

UNDO = """
DROP TRIGGER delivery_no_truncate ON delivery_attempt;
DROP TRIGGER delivery_append_only ON delivery_attempt;
DROP FUNCTION delivery_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_endpoints_and_attempts")]

    operations = [migrations.RunSQL(GUARD, UNDO)]
