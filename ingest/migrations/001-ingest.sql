-- What ingest holds. Facts (device_key, device_key_revocation, record, quarantine, incarnation, link_fork) are only ever
-- inserted; the rest are queues and projections that can be made again from the facts.

-- ---------------------------------------------------------------- facts

-- Public keys of devices. A device may have several while it changes from one to the next.
CREATE TABLE device_key (
  device_id text NOT NULL,
  key_id text NOT NULL,
  public_key_pem text NOT NULL,
  valid_from_ms bigint NOT NULL,
  PRIMARY KEY (device_id, key_id)
);

-- From this instant on nothing signed by the key is taken.
CREATE TABLE device_key_revocation (
  device_id text NOT NULL,
  key_id text NOT NULL,
  revoked_from_ms bigint NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (device_id, key_id, revoked_from_ms),
  FOREIGN KEY (device_id, key_id) REFERENCES device_key
);

-- Accepted records: exactly the bytes that were signed (UTF-8 without NUL, so text keeps them).
CREATE TABLE record (
  device_id text NOT NULL,
  epoch text NOT NULL,
  seq bigint NOT NULL,
  kind text NOT NULL,
  prev bytea NOT NULL,
  hash bytea NOT NULL,
  record text NOT NULL,
  flags text[] NOT NULL,
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (device_id, epoch, seq)
);

-- What was not accepted. `authentic`: a single record out of a batch whose signature held; its device has a receipt.
-- Otherwise a whole payload of an unproven sender, kept within a quota.
CREATE TABLE quarantine (
  quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  device_id text,
  epoch text,
  seq bigint,
  reason text NOT NULL,
  detail text NOT NULL,
  hash bytea NOT NULL,
  payload bytea NOT NULL,
  authentic boolean NOT NULL,
  received_at_ms bigint NOT NULL,
  -- Delivered again, the same bytes are the same item.
  UNIQUE NULLS NOT DISTINCT (reason, hash, device_id, epoch, seq)
);
CREATE INDEX quarantine_authentic ON quarantine (received_at_ms) WHERE authentic;

-- Lives of this database. A restore from a backup adds the next, and devices then offer everything again.
CREATE TABLE incarnation (
  ordinal int PRIMARY KEY CHECK (ordinal > 0),
  incarnation text NOT NULL CHECK (incarnation ~ '^[0-9a-f]{32}$'),
  begun_at_ms bigint NOT NULL
);

-- Signs that a device's journal exists twice. Kinds: see ingest/link-chain.ts.
CREATE TABLE link_fork (
  device_id text NOT NULL,
  kind text NOT NULL,
  epoch text NOT NULL,
  seq bigint NOT NULL,
  noticed_at_ms bigint NOT NULL,
  PRIMARY KEY (device_id, kind, epoch, seq)
);

-- ---------------------------------------------------------------- queue and projections

-- New records that the linker has not seen: a queue, not a cursor, so a transaction that ends late is not skipped.
CREATE TABLE link_queue (
  queue_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  device_id text NOT NULL,
  epoch text NOT NULL,
  from_seq bigint NOT NULL,
  to_seq bigint NOT NULL,
  records bigint NOT NULL,
  taps bigint NOT NULL,
  received_at_ms bigint NOT NULL
);

-- Longest runs of records that link to each other.
CREATE TABLE link_segment (
  device_id text NOT NULL,
  epoch text NOT NULL,
  from_seq bigint NOT NULL,
  to_seq bigint NOT NULL,
  first_prev bytea NOT NULL,
  head bytea NOT NULL,
  PRIMARY KEY (device_id, epoch, from_seq)
);

CREATE TABLE link_epoch (
  device_id text NOT NULL,
  epoch text NOT NULL,
  -- 'none', 'lost', 'epoch', or NULL while the first record is missing.
  follows text,
  follows_epoch text,
  follows_seq bigint,
  follows_head bytea,
  last_seq bigint NOT NULL,
  gaps bigint NOT NULL,
  unlinked bigint NOT NULL,
  PRIMARY KEY (device_id, epoch)
);

CREATE TABLE link_device (
  device_id text PRIMARY KEY,
  records bigint NOT NULL DEFAULT 0,
  taps bigint NOT NULL DEFAULT 0,
  gaps bigint NOT NULL DEFAULT 0,
  unlinked bigint NOT NULL DEFAULT 0,
  last_record_at_ms bigint
);

-- What devices last said of themselves.
CREATE TABLE device_status (
  device_id text PRIMARY KEY,
  online boolean NOT NULL,
  software text,
  at_ms bigint NOT NULL
);
CREATE TABLE device_health (
  device_id text PRIMARY KEY,
  health jsonb NOT NULL,
  at_ms bigint NOT NULL
);

-- Counted and not kept: what is beyond the quarantine's quota, and reports that could not be read.
CREATE TABLE uncollected (
  source text NOT NULL CHECK (source IN ('batch', 'report')),
  reason text NOT NULL,
  items bigint NOT NULL,
  last_at_ms bigint NOT NULL,
  PRIMARY KEY (source, reason)
);

-- ---------------------------------------------------------------- published views: their columns are a contract

CREATE VIEW published_device AS
SELECT known.device_id,
       coalesce(s.online, false) AS online,
       greatest(s.at_ms, h.at_ms, l.last_record_at_ms, q.last_record_at_ms) AS last_seen_ms,
       h.health,
       coalesce(l.records, 0) + coalesce(q.records, 0) AS records,
       coalesce(l.gaps, 0) AS gaps,
       coalesce(l.unlinked, 0) AS unlinked,
       coalesce(f.forks, 0) AS forks,
       greatest(l.last_record_at_ms, q.last_record_at_ms) AS last_record_at_ms
FROM (SELECT DISTINCT device_id FROM device_key) AS known
LEFT JOIN device_status AS s USING (device_id)
LEFT JOIN device_health AS h USING (device_id)
LEFT JOIN link_device AS l USING (device_id)
LEFT JOIN (SELECT device_id, sum(records)::bigint AS records, max(received_at_ms) AS last_record_at_ms
           FROM link_queue GROUP BY device_id) AS q USING (device_id)
LEFT JOIN (SELECT device_id, count(*) AS forks FROM link_fork GROUP BY device_id) AS f USING (device_id);

CREATE VIEW published_quarantine AS
SELECT reason, sum(items)::bigint AS items, max(last_at_ms) AS last_at_ms
FROM (SELECT reason, count(*) AS items, max(received_at_ms) AS last_at_ms FROM quarantine GROUP BY reason
      UNION ALL
      SELECT reason, items, last_at_ms FROM uncollected WHERE source = 'batch') AS every
GROUP BY reason;

-- `records` and `taps` are exact at every moment: what is linked plus what waits to be. `quarantined` counts single
-- records of proven devices; payloads of unproven senders are seen in published_quarantine only.
CREATE VIEW published_counts AS
SELECT (l.records + q.records)::bigint AS records,
       (l.taps + q.taps)::bigint AS taps,
       (SELECT count(*) FROM quarantine WHERE authentic) AS quarantined
FROM (SELECT coalesce(sum(records), 0) AS records, coalesce(sum(taps), 0) AS taps FROM link_device) AS l,
     (SELECT coalesce(sum(records), 0) AS records, coalesce(sum(taps), 0) AS taps FROM link_queue) AS q;

-- ---------------------------------------------------------------- grants

GRANT USAGE ON SCHEMA ingest TO ingest_runtime, office_runtime, portal_runtime, auditor_runtime;
GRANT SELECT ON device_key, device_key_revocation TO ingest_runtime;
GRANT SELECT, INSERT ON record, quarantine, incarnation, link_fork TO ingest_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON link_queue, link_segment TO ingest_runtime;
GRANT SELECT, INSERT, UPDATE ON link_epoch, link_device, device_status, device_health, uncollected TO ingest_runtime;
-- Enrolment registers and revokes keys; ingest itself cannot make a device known.
GRANT SELECT, INSERT ON device_key, device_key_revocation TO office_runtime;
GRANT SELECT ON published_device, published_quarantine, published_counts TO portal_runtime, auditor_runtime, office_runtime, ingest_runtime;

-- ---------------------------------------------------------------- what each table is

COMMENT ON TABLE device_key IS 'fact: a public key of a device';
COMMENT ON TABLE device_key_revocation IS 'fact: from this instant on a key is not taken any more';
COMMENT ON TABLE record IS 'fact: the exact bytes of an accepted record';
COMMENT ON TABLE quarantine IS 'fact: what was not accepted, with the reason';
COMMENT ON TABLE incarnation IS 'fact: a life of this database';
COMMENT ON TABLE link_fork IS 'fact: a sign that a journal exists twice';
COMMENT ON TABLE link_queue IS 'queue: records that the linker has not seen';
COMMENT ON TABLE link_segment IS 'projection: longest runs of linked records';
COMMENT ON TABLE link_epoch IS 'projection: state of each epoch';
COMMENT ON TABLE link_device IS 'projection: counts of each device';
COMMENT ON TABLE device_status IS 'projection: last status of each device';
COMMENT ON TABLE device_health IS 'projection: last health of each device';
COMMENT ON TABLE uncollected IS 'projection: counters of what is not kept';
