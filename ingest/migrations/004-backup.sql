-- What a backup promises, and which life of the database this is.

-- A restore changes the timeline, a copy into another cluster the system identifier: ingest works only on the database
-- whose life was begun on purpose.
ALTER TABLE incarnation ADD COLUMN system_identifier bigint, ADD COLUMN timeline int;

CREATE FUNCTION present_timeline() RETURNS int LANGUAGE sql STABLE
RETURN ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int;
COMMENT ON FUNCTION present_timeline() IS 'timeline to which the server writes; each recovery from a backup begins a new one';

UPDATE incarnation
SET system_identifier = (SELECT system_identifier FROM pg_control_system()), timeline = present_timeline();
ALTER TABLE incarnation ALTER COLUMN system_identifier SET NOT NULL, ALTER COLUMN timeline SET NOT NULL;

-- One row. Commits whose receipt was issued before watermark_ms are in a backup. announced_ms is the instant that a
-- backup is about to promise: a receipt is issued later than it, or not at all (docs/decisions/0056).
CREATE TABLE backup_watermark (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  announced_ms bigint,
  watermark_ms bigint,
  CHECK (watermark_ms <= announced_ms)
);
INSERT INTO backup_watermark DEFAULT VALUES;

-- Announced instants with the place in the write-ahead log that holds every commit receipted before them.
CREATE TABLE backup_mark (
  mark_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  horizon_ms bigint NOT NULL,
  position pg_lsn NOT NULL
);

-- What the backup last said of itself, for people.
CREATE TABLE backup_state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  state text NOT NULL CHECK (state IN ('none', 'running', 'failing')),
  detail text NOT NULL DEFAULT '',
  at_ms bigint,
  base_at_ms bigint
);
INSERT INTO backup_state (state) VALUES ('none');

-- Newest instant at which ingest received anything, in the city's time: no backup promises more than ingest knows.
CREATE VIEW newest_received AS
SELECT greatest((SELECT max(last_record_at_ms) FROM link_device),
                (SELECT max(received_at_ms) FROM link_queue)) AS at_ms;

CREATE VIEW published_backup AS
SELECT s.state, s.detail, s.at_ms, s.base_at_ms, w.watermark_ms, i.ordinal AS incarnation_ordinal,
       i.begun_at_ms AS incarnation_begun_at_ms
FROM backup_state AS s CROSS JOIN backup_watermark AS w
LEFT JOIN LATERAL (SELECT ordinal, begun_at_ms FROM incarnation ORDER BY ordinal DESC LIMIT 1) AS i ON true;

GRANT USAGE ON SCHEMA ingest TO backup_runtime;
GRANT SELECT ON backup_watermark TO ingest_runtime;
GRANT SELECT, UPDATE ON backup_watermark, backup_state TO backup_runtime;
GRANT SELECT, INSERT, DELETE ON backup_mark TO backup_runtime;
GRANT SELECT ON newest_received, incarnation TO backup_runtime;
GRANT SELECT ON published_backup TO portal_runtime, auditor_runtime, office_runtime, backup_runtime;

COMMENT ON TABLE backup_watermark IS 'projection: what a backup holds and is about to promise';
COMMENT ON TABLE backup_mark IS 'queue: announced instants that wait until a backup holds them';
COMMENT ON TABLE backup_state IS 'projection: what the backup last said of itself';
