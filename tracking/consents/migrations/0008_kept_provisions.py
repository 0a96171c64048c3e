"""Keep, for three years and by days, what an erased device's recipients could receive."""

import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

# The server's day is UTC's, the row's that of its site: one day more covers every zone.
GUARD = """
CREATE FUNCTION consents_guard_provision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND current_setting('consents.retention', true) = 'provisions' THEN
    IF (now() AT TIME ZONE 'UTC')::date > OLD.last_day + interval '3 years 1 day' THEN
      RETURN OLD;
    END IF;
    RAISE EXCEPTION 'DELETE of % is refused: it is kept until three years after its last day',
      TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
  END IF;
  RAISE EXCEPTION '% of % is refused: kept provisions are append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER kept_provision_guarded BEFORE UPDATE OR DELETE ON consents_keptprovision
  FOR EACH ROW EXECUTE FUNCTION consents_guard_provision();
CREATE TRIGGER kept_provision_no_truncate BEFORE TRUNCATE ON consents_keptprovision
  FOR EACH STATEMENT EXECUTE FUNCTION consents_guard_provision();
"""

UNDO_GUARD = """
DROP TRIGGER kept_provision_no_truncate ON consents_keptprovision;
DROP TRIGGER kept_provision_guarded ON consents_keptprovision;
DROP FUNCTION consents_guard_provision();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("consents", "0007_ages"),
        ("notices", "0002_append_only"),
        ("registry", "0001_declaration"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeptProvision",
            fields=[
                (
                    "key",
                    models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False),
                ),
                ("agreed_on", models.PositiveIntegerField()),
                ("partner", models.TextField()),
                (
                    "items",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), size=None
                    ),
                ),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), size=None
                    ),
                ),
                ("first_day", models.DateField()),
                ("last_day", models.DateField()),
                (
                    "notice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="notices.noticeversion"
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.site"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["site", "partner", "first_day"], name="kept_by_partner"),
                    models.Index(fields=["last_day"], name="kept_by_age"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("last_day__gte", models.F("first_day"))),
                        name="kept_days_in_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("partner", ""), _negated=True),
                            models.Q(("items", []), _negated=True),
                            models.Q(("tags", []), _negated=True),
                        ),
                        name="kept_says_what_to_whom",
                    ),
                ],
            },
        ),
        migrations.RunSQL(GUARD, UNDO_GUARD),
    ]
