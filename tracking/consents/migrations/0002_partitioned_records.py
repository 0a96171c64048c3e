"""Make the public records' table: partitioned by month, append-only."""

from django.db import migrations

TABLE = """
CREATE TABLE consents_consentrecord (
  key uuid NOT NULL,
  recorded_at timestamptz NOT NULL,
  site_id bigint NOT NULL REFERENCES registry_site (id),
  notice_id bigint NOT NULL REFERENCES notices_noticeversion (id),
  granted bit varying(1024) NOT NULL,
  refused bit varying(1024) NOT NULL,
  withdrawn bit varying(1024) NOT NULL,
  method text NOT NULL CHECK (method IN ('allow', 'refuse', 'choose', 'withdraw', 'signal')),
  surface text NOT NULL
    CHECK (surface IN ('bar', 'card', 'dialog', 'link', 'preferences', 'page', 'api')),
  prior text NOT NULL CHECK (prior IN ('first', 'again')),
  regime text NOT NULL,
  country_group text NOT NULL,
  country_method text NOT NULL CHECK (country_method IN ('header', 'site_default')),
  language text NOT NULL,
  device_class text NOT NULL CHECK (device_class IN ('phone', 'tablet', 'desktop', 'unknown')),
  variant text NOT NULL,
  with_signal boolean NOT NULL,
  is_superseded boolean NOT NULL,
  is_suspect boolean NOT NULL,
  commitment bytea NOT NULL CHECK (length(commitment) = 32),
  PRIMARY KEY (recorded_at, key)
) PARTITION BY RANGE (recorded_at);

-- A decision must never fail because a chore did not run.
CREATE TABLE consents_consentrecord_rest PARTITION OF consents_consentrecord DEFAULT;

-- Statistics read days of one site; rows arrive in time order.
CREATE INDEX consents_record_days ON consents_consentrecord
  USING brin (recorded_at) WITH (pages_per_range = 32);

ALTER TABLE consents_consentprivate
  ADD CONSTRAINT private_of_a_record FOREIGN KEY (recorded_at, record_key)
  REFERENCES consents_consentrecord (recorded_at, key);
"""

UNDO_TABLE = """
ALTER TABLE consents_consentprivate DROP CONSTRAINT private_of_a_record;
DROP TABLE consents_consentrecord;
"""

GUARD = """
CREATE FUNCTION consents_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: records of consent are append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER consents_append_only BEFORE UPDATE OR DELETE ON consents_consentrecord
  FOR EACH ROW EXECUTE FUNCTION consents_refuse_change();

-- Statement triggers are not copied to partitions: the parent and every month get their own.
CREATE TRIGGER consents_no_truncate BEFORE TRUNCATE ON consents_consentrecord
  FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse_change();
CREATE TRIGGER consents_no_truncate BEFORE TRUNCATE ON consents_consentrecord_rest
  FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse_change();
"""

UNDO_GUARD = """
DROP TRIGGER consents_no_truncate ON consents_consentrecord_rest;
DROP TRIGGER consents_no_truncate ON consents_consentrecord;
DROP TRIGGER consents_append_only ON consents_consentrecord;
DROP FUNCTION consents_refuse_change();
"""

MONTHS = """
-- The service's role may not create tables; this function, run as their owner, makes one month.
CREATE FUNCTION consents_make_month(first date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  begins date := date_trunc('month', first)::date;
  ends date := (date_trunc('month', first) + interval '1 month')::date;
  name text := format('consents_consentrecord_%s', to_char(begins, 'YYYY_MM'));
BEGIN
  IF to_regclass(name) IS NOT NULL THEN
    RETURN name;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('consents_make_month'));
  IF to_regclass(name) IS NOT NULL THEN
    RETURN name;
  END IF;
  IF EXISTS (SELECT FROM consents_consentrecord_rest
              WHERE recorded_at >= begins AND recorded_at < ends) THEN
    -- That month already began in the rest: its rows are evidence and stay where they are.
    RETURN 'consents_consentrecord_rest';
  END IF;
  EXECUTE format('CREATE TABLE %I PARTITION OF consents_consentrecord FOR VALUES FROM (%L) TO (%L)',
                 name, begins::timestamp AT TIME ZONE 'UTC', ends::timestamp AT TIME ZONE 'UTC');
  EXECUTE format('CREATE TRIGGER consents_no_truncate BEFORE TRUNCATE ON %I '
                 'FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse_change()', name);
  RETURN name;
END $$;

SELECT consents_make_month((date_trunc('month', now()) + make_interval(months => ahead))::date)
  FROM generate_series(0, 3) AS ahead;
"""

UNDO_MONTHS = "DROP FUNCTION consents_make_month(date);"

READABLE = """
CREATE VIEW consents_readable AS
SELECT r.key, r.recorded_at, s.code AS site, n.number AS notice, r.method, r.surface,
       ARRAY(SELECT c.kind || ':' || c.code FROM registry_choicenumber c
              WHERE c.site_id = r.site_id AND c.number < length(r.granted)
                AND get_bit(r.granted, c.number) = 1 ORDER BY c.number) AS granted,
       ARRAY(SELECT c.kind || ':' || c.code FROM registry_choicenumber c
              WHERE c.site_id = r.site_id AND c.number < length(r.refused)
                AND get_bit(r.refused, c.number) = 1 ORDER BY c.number) AS refused,
       ARRAY(SELECT c.kind || ':' || c.code FROM registry_choicenumber c
              WHERE c.site_id = r.site_id AND c.number < length(r.withdrawn)
                AND get_bit(r.withdrawn, c.number) = 1 ORDER BY c.number) AS withdrawn,
       r.prior, r.regime, r.country_group, r.language, r.device_class, r.with_signal,
       r.is_superseded
  FROM consents_consentrecord r
  JOIN registry_site s ON s.id = r.site_id
  JOIN notices_noticeversion n ON n.id = r.notice_id;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("consents", "0001_devices_and_records"),
        ("notices", "0002_append_only"),
    ]

    operations = [
        migrations.RunSQL(TABLE, UNDO_TABLE),
        migrations.RunSQL(GUARD, UNDO_GUARD),
        migrations.RunSQL(MONTHS, UNDO_MONTHS),
        migrations.RunSQL(READABLE, "DROP VIEW consents_readable;"),
    ]
