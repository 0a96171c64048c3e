"""Refuse every change to a published notice: it is what visitors were shown."""

from django.db import migrations

GUARD = """
CREATE FUNCTION notices_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: published notices never change', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER notices_append_only BEFORE UPDATE OR DELETE ON notices_noticeversion
  FOR EACH ROW EXECUTE FUNCTION notices_refuse_change();
CREATE TRIGGER notices_no_truncate BEFORE TRUNCATE ON notices_noticeversion
  FOR EACH STATEMENT EXECUTE FUNCTION notices_refuse_change();
"""

UNDO = """
DROP TRIGGER notices_no_truncate ON notices_noticeversion;
DROP TRIGGER notices_append_only ON notices_noticeversion;
DROP FUNCTION notices_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("notices", "0001_notice_version")]

    operations = [migrations.RunSQL(GUARD, UNDO)]
