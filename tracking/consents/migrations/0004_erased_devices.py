"""Keep the id of an erased device taken, and nothing else of it."""

from django.db import migrations, models
from django.db.models import Q

GUARD = """
CREATE FUNCTION consents_refuse_revival() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an erased device is not changed any more'
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER device_stays_erased BEFORE UPDATE ON consents_device
  FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL) EXECUTE FUNCTION consents_refuse_revival();
"""

UNDO_GUARD = """
DROP TRIGGER device_stays_erased ON consents_device;
DROP FUNCTION consents_refuse_revival();
"""


class Migration(migrations.Migration):
    dependencies = [("consents", "0003_identifiers")]

    operations = [
        migrations.AddField(
            model_name="device", name="erased_at", field=models.DateTimeField(null=True)
        ),
        migrations.AddConstraint(
            model_name="device",
            constraint=models.CheckConstraint(
                condition=Q(("erased_at__isnull", True))
                | Q(("granted", frozenset()), ("refused", frozenset()), ("with_signal", False)),
                name="device_erased_is_empty",
            ),
        ),
        migrations.RunSQL(GUARD, UNDO_GUARD),
    ]
