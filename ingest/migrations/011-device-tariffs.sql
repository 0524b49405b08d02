-- Which tariff extract each device said it holds, and since when: one row per device, however often it speaks.
CREATE TABLE device_tariff (
  device_id text PRIMARY KEY,
  version bigint NOT NULL,
  sha256 text NOT NULL,
  -- First report of this version without another in between; city time of ingest.
  since_ms bigint NOT NULL,
  seen_ms bigint NOT NULL
);
COMMENT ON TABLE device_tariff IS 'projection: the tariff extract that each device holds, by its last report';
GRANT SELECT, INSERT, UPDATE ON device_tariff TO ingest_runtime;

CREATE VIEW published_device_tariff AS
  SELECT known.device_id, t.version, t.sha256, t.since_ms, t.seen_ms
    FROM (SELECT DISTINCT device_id FROM device_key) AS known LEFT JOIN device_tariff AS t USING (device_id);
GRANT SELECT ON published_device_tariff TO portal_runtime, auditor_runtime, office_runtime;
