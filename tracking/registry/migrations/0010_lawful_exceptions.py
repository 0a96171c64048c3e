"""A tag may send without consent for a lawful reason, approved by somebody and for a time."""

import datetime

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

GUARD = """
CREATE FUNCTION registry_guard_exception() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NOT EXISTS (SELECT FROM registry_tag WHERE id = NEW.tag_id AND site_id = NEW.site_id) THEN
      RAISE EXCEPTION 'the tag of an exception is one of its site'
        USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.ended_at IS NULL
     AND (to_jsonb(OLD) - 'ended_at') = (to_jsonb(NEW) - 'ended_at') THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% of % is refused: an exception can only be ended, once', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER exception_guarded BEFORE INSERT OR UPDATE OR DELETE ON registry_lawfulexception
  FOR EACH ROW EXECUTE FUNCTION registry_guard_exception();
CREATE TRIGGER exception_no_truncate BEFORE TRUNCATE ON registry_lawfulexception
  FOR EACH STATEMENT EXECUTE FUNCTION registry_guard_exception();
"""

UNDO_GUARD = """
DROP TRIGGER exception_no_truncate ON registry_lawfulexception;
DROP TRIGGER exception_guarded ON registry_lawfulexception;
DROP FUNCTION registry_guard_exception();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0009_site_duties"),
    ]

    operations = [
        migrations.CreateModel(
            name="LawfulException",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "basis",
                    models.TextField(
                        choices=[
                            ("art4-2", "art4-2"),
                            ("art4-3", "art4-3"),
                            ("art4-4", "art4-4"),
                            ("art4-5", "art4-5"),
                            ("art4-6", "art4-6"),
                            ("art4-7", "art4-7"),
                        ]
                    ),
                ),
                ("is_without_law_accepted", models.BooleanField(default=False)),
                ("approver", models.TextField()),
                ("reason", models.TextField()),
                ("approved_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.site"
                    ),
                ),
                (
                    "tag",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.tag"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "basis__in",
                                ["art4-2", "art4-3", "art4-4", "art4-5", "art4-6", "art4-7"],
                            )
                        ),
                        name="exception_basis_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("basis", "art4-3"), _negated=True),
                            ("is_without_law_accepted", True),
                            _connector="OR",
                        ),
                        name="exception_without_law_accepted",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason__regex", "\\S")), name="exception_has_reason"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("approver", ""), _negated=True),
                        name="exception_has_approver",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expires_at__gt", models.F("approved_at")),
                            (
                                "expires_at__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("approved_at"),
                                    "+",
                                    models.Value(datetime.timedelta(days=365)),
                                ),
                            ),
                        ),
                        name="exception_ends_within_a_year",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ended_at__isnull", True),
                            ("ended_at__gte", models.F("approved_at")),
                            _connector="OR",
                        ),
                        name="exception_ends_after_approval",
                    ),
                ],
            },
        ),
        migrations.RunSQL(GUARD, UNDO_GUARD),
    ]
