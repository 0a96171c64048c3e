"""Keep exact counts apart from the numbers that may be told; take over what was counted."""

from __future__ import annotations

import django.db.models.deletion
from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models
from django.db.models import F, Q

TEXTS = (
    "kind", "language", "device_class", "regime", "country_group", "presentation", "surface",
    "notice", "variant", "referrer_class", "purposes", "choices",
)  # fmt: skip

_DIGEST = "md5(" + " || E'\\x1f' || ".join(TEXTS) + ")::uuid"

# The id is computed by whoever counts; a wrong one would count the same people under two names.
DIGEST = f"ALTER TABLE insights_cell ADD CONSTRAINT cell_id_is_digest CHECK (id = {_DIGEST});"

GUARD = """
CREATE FUNCTION insights_keep_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (NEW.site_id, NEW.day, NEW.cell_id) = (OLD.site_id, OLD.day, OLD.cell_id)
     AND NEW.count >= OLD.count + 10 THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% of a number is refused: it only grows, by ten people or more', TG_OP
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER insights_numbers_stay BEFORE UPDATE OR DELETE ON insights_dailynumber
  FOR EACH ROW EXECUTE FUNCTION insights_keep_number();
"""

UNDO_GUARD = """
DROP TRIGGER insights_numbers_stay ON insights_dailynumber;
DROP FUNCTION insights_keep_number();
"""

_TEXTS = ", ".join(TEXTS)
TAKE_OVER = f"""
CREATE TEMPORARY TABLE old_shown ON COMMIT DROP AS
SELECT site_id, day, CASE WHEN is_first THEN 'shown' ELSE 'shown_again' END AS kind,
       language, device_class, regime, '' AS country_group, surface AS presentation, '' AS surface,
       notice_number::text AS notice, '' AS variant, '' AS referrer_class, '' AS purposes,
       '' AS choices, sum(count)::int AS count
  FROM insights_dailyshown GROUP BY site_id, day, is_first, 4, 5, 6, 8, 10;
INSERT INTO insights_cell (id, {_TEXTS}) SELECT DISTINCT {_DIGEST}, {_TEXTS} FROM old_shown;
INSERT INTO insights_countedday (site_id, day, is_closed, untold)
SELECT DISTINCT site_id, day, false, ARRAY['ignored', 'shown_again'] FROM old_shown;
INSERT INTO insights_dailycount (site_id, day, cell_id, count)
SELECT site_id, day, {_DIGEST}, count FROM old_shown;
"""  # noqa: S608  # only our own names


def of_site() -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="registry.site")


def of_cell() -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="insights.cell"
    )


class Migration(migrations.Migration):
    dependencies = [("insights", "0001_daily_shown"), ("registry", "0011_known_cookies")]

    operations = [
        migrations.CreateModel(
            name="Cell",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                *((name, models.TextField()) for name in TEXTS),
            ],
        ),
        migrations.CreateModel(
            name="CountedDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "site", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("is_closed", models.BooleanField(default=False)),
                ("untold", ArrayField(models.TextField(), db_default=[], size=None)),
                ("site", of_site()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=Q(("is_closed", False)), fields=["site", "day"], name="days_open"
                    )
                ]
            },
        ),
        migrations.CreateModel(
            name="DailyCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "site",
                        "day",
                        "cell",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                ("count", models.PositiveIntegerField()),
                ("settled", models.PositiveIntegerField(db_default=0)),
                ("released", models.PositiveIntegerField(db_default=0)),
                ("cell", of_cell()),
                ("site", of_site()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Q(("count__gte", 1)), name="count_positive"),
                    models.CheckConstraint(
                        condition=Q(("settled__lte", F("count"))), name="count_settled"
                    ),
                    models.CheckConstraint(
                        condition=Q(("released__lte", F("count"))), name="count_released"
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="DailyNumber",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "site",
                        "day",
                        "cell",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                ("count", models.PositiveIntegerField()),
                ("cell", of_cell()),
                ("site", of_site()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=Q(("count__gte", 10)), name="number_not_small")
                ]
            },
        ),
        migrations.CreateModel(
            name="CountedBatch",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("counted_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index(fields=["counted_at"], name="batch_by_age")]},
        ),
        migrations.CreateModel(
            name="CohortCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "site",
                        "week",
                        "regime",
                        "purpose",
                        "event",
                        "age",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("week", models.DateField()),
                ("regime", models.TextField()),
                ("purpose", models.PositiveSmallIntegerField()),
                (
                    "event",
                    models.TextField(
                        choices=[(one, one) for one in ("allowed", "renewed", "withdrawn")]
                    ),
                ),
                ("age", models.PositiveSmallIntegerField()),
                ("count", models.PositiveIntegerField()),
                ("released", models.PositiveIntegerField(db_default=0)),
                ("site", of_site()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(("event__in", ["allowed", "renewed", "withdrawn"])),
                        name="cohort_event_known",
                    ),
                    models.CheckConstraint(condition=Q(("count__gte", 1)), name="cohort_positive"),
                    models.CheckConstraint(
                        condition=Q(("released", 0))
                        | Q(("released__gte", 10), ("released__lte", F("count"))),
                        name="cohort_released",
                    ),
                ]
            },
        ),
        migrations.RunSQL(DIGEST, migrations.RunSQL.noop),
        migrations.RunSQL(GUARD, UNDO_GUARD),
        migrations.RunSQL(TAKE_OVER, migrations.RunSQL.noop),
        migrations.DeleteModel(name="DailyShown"),
    ]
