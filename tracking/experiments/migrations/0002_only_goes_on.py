"""A started experiment only goes on, and what its arms show never changes: records name them."""

from django.db import migrations

GUARD = """
CREATE FUNCTION experiments_only_go_on() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE stages text[] := ARRAY['draft', 'running', 'stopped', 'promoted'];
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.stage = 'draft' THEN RETURN OLD; END IF;
  ELSIF OLD.stage = 'draft'
     OR (
       (NEW.site_id, NEW.code, NEW.name, NEW.hypothesis, NEW.purpose, NEW.days, NEW.difference,
        NEW.notice_id, NEW.started_by, NEW.started_at, NEW.ends_at)
       IS NOT DISTINCT FROM
       (OLD.site_id, OLD.code, OLD.name, OLD.hypothesis, OLD.purpose, OLD.days, OLD.difference,
        OLD.notice_id, OLD.started_by, OLD.started_at, OLD.ends_at)
       AND array_position(stages, NEW.stage) >= array_position(stages, OLD.stage)
       AND (OLD.stage = 'running' OR
            (NEW.stopped_by, NEW.stopped_at, NEW.ending)
            IS NOT DISTINCT FROM (OLD.stopped_by, OLD.stopped_at, OLD.ending))
       AND OLD.promoted_arm IN ('', NEW.promoted_arm)
     ) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% of % is refused: a started experiment only goes on', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER experiments_go_on BEFORE UPDATE OR DELETE ON experiments_experiment
  FOR EACH ROW EXECUTE FUNCTION experiments_only_go_on();

CREATE FUNCTION experiments_keep_arms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' AND
     (SELECT stage FROM experiments_experiment WHERE id = NEW.experiment_id) = 'draft' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% of % is refused: what visitors are shown is fixed at the start',
    TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER experiments_arms_append_only BEFORE INSERT OR UPDATE OR DELETE ON experiments_arm
  FOR EACH ROW EXECUTE FUNCTION experiments_keep_arms();
CREATE TRIGGER experiments_arms_no_truncate BEFORE TRUNCATE ON experiments_arm
  FOR EACH STATEMENT EXECUTE FUNCTION experiments_keep_arms();
"""

UNDO = """
DROP TRIGGER experiments_arms_no_truncate ON experiments_arm;
DROP TRIGGER experiments_arms_append_only ON experiments_arm;
DROP FUNCTION experiments_keep_arms();
DROP TRIGGER experiments_go_on ON experiments_experiment;
DROP FUNCTION experiments_only_go_on();
"""


class Migration(migrations.Migration):
    dependencies = [("experiments", "0001_kept_experiments")]

    operations = [migrations.RunSQL(GUARD, UNDO)]
