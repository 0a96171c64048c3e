"""Each answer that an exception opened is a row, and stays one."""

import django.db.models.deletion
from django.db import migrations, models

GUARD = """
CREATE FUNCTION gate_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: uses of exceptions are append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER gate_append_only BEFORE UPDATE OR DELETE ON gate_exceptionuse
  FOR EACH ROW EXECUTE FUNCTION gate_refuse_change();
CREATE TRIGGER gate_no_truncate BEFORE TRUNCATE ON gate_exceptionuse
  FOR EACH STATEMENT EXECUTE FUNCTION gate_refuse_change();
"""

UNDO_GUARD = """
DROP TRIGGER gate_no_truncate ON gate_exceptionuse;
DROP TRIGGER gate_append_only ON gate_exceptionuse;
DROP FUNCTION gate_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0010_lawful_exceptions"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExceptionUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "exception",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="registry.lawfulexception"
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
                "indexes": [models.Index(fields=["exception", "-at"], name="use_by_exception")],
            },
        ),
        migrations.RunSQL(GUARD, UNDO_GUARD),
    ]
