"""Refuse to change what a token may do, or to bring a revoked one back."""

from django.db import migrations

GUARD = """
CREATE FUNCTION access_guard_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (to_jsonb(OLD) - 'last_used_on' - 'revoked_at')
       = (to_jsonb(NEW) - 'last_used_on' - 'revoked_at')
     AND (OLD.revoked_at IS NULL OR OLD.revoked_at = NEW.revoked_at) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% of % is refused: a token can only be revoked, once', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER api_token_guarded BEFORE UPDATE ON access_apitoken
  FOR EACH ROW EXECUTE FUNCTION access_guard_token();
"""

UNDO = """
DROP TRIGGER api_token_guarded ON access_apitoken;
DROP FUNCTION access_guard_token();
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0001_api_token")]

    operations = [migrations.RunSQL(GUARD, UNDO)]
