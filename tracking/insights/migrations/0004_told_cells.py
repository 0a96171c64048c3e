"""Mark the cells that a number tells of: few of all, and the only ones that pages read."""

from __future__ import annotations

from django.db import migrations, models

MARK = """
UPDATE insights_cell SET is_told = true
 WHERE id IN (SELECT cell_id FROM insights_dailynumber);

-- A number of a cell that is not marked would be seen by nobody.
CREATE FUNCTION insights_mark_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE insights_cell SET is_told = true
   WHERE NOT is_told AND id IN (SELECT cell_id FROM told);
  RETURN NULL;
END $$;

CREATE TRIGGER insights_mark_told AFTER INSERT ON insights_dailynumber
  REFERENCING NEW TABLE AS told FOR EACH STATEMENT EXECUTE FUNCTION insights_mark_told();
"""

UNDO_MARK = """
DROP TRIGGER insights_mark_told ON insights_dailynumber;
DROP FUNCTION insights_mark_told();
"""


class Migration(migrations.Migration):
    dependencies = [("insights", "0003_page_views")]

    operations = [
        migrations.AddField("cell", "is_told", models.BooleanField(db_default=False)),
        migrations.RunSQL(MARK, UNDO_MARK),
        migrations.AddIndex(
            "cell",
            models.Index(condition=models.Q(("is_told", True)), fields=["id"], name="cells_told"),
        ),
    ]
