"""Refuse every change to a pinned script: pages name it by its content."""

from django.db import migrations

GUARD = """
CREATE FUNCTION banner_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: pinned scripts never change', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER banner_append_only BEFORE UPDATE OR DELETE ON banner_pinnedscript
  FOR EACH ROW EXECUTE FUNCTION banner_refuse_change();
CREATE TRIGGER banner_no_truncate BEFORE TRUNCATE ON banner_pinnedscript
  FOR EACH STATEMENT EXECUTE FUNCTION banner_refuse_change();
"""

UNDO = """
DROP TRIGGER banner_no_truncate ON banner_pinnedscript;
DROP TRIGGER banner_append_only ON banner_pinnedscript;
DROP FUNCTION banner_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("banner", "0001_pinned_script")]

    operations = [migrations.RunSQL(GUARD, UNDO)]
