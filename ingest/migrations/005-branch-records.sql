-- Proven records of a journal that exists twice. Under their own number other bytes stand already, so they are in
-- quarantine (INGEST_CONFLICT); their passengers were let on all the same, so each is taken in once under a branch of
-- its own, a name derived from its own hash (contracts/hash-chain.ts). The bytes stay in quarantine, where they are proven.

CREATE TABLE branch_record (
  device_id text NOT NULL,
  epoch text NOT NULL,
  seq bigint NOT NULL,
  hash bytea NOT NULL,
  kind text NOT NULL,
  -- Stands in place of the epoch wherever the record is spoken of from here on.
  branch text NOT NULL CHECK (branch ~ '^[0-9a-f]{32}$'),
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (device_id, epoch, seq, hash)
);
COMMENT ON TABLE branch_record IS 'fact: a record in conflict that was taken in under a branch of its own';
CREATE UNIQUE INDEX branch_record_branch ON branch_record (device_id, branch);

-- Every record that is durably held, byte for byte: two copies of a journal may each have one under the same number.
CREATE OR REPLACE VIEW published_held AS
SELECT device_id, epoch, seq, encode(hash, 'hex') AS hash, true AS accepted FROM record
UNION ALL
SELECT device_id, epoch, seq, encode(hash, 'hex'), true FROM branch_record
UNION ALL
SELECT DISTINCT q.device_id, q.epoch, q.seq, encode(q.hash, 'hex'), false
FROM quarantine AS q
WHERE q.authentic AND q.seq IS NOT NULL
  AND NOT EXISTS (SELECT FROM record AS r
                  WHERE r.device_id = q.device_id AND r.epoch = q.epoch AND r.seq = q.seq AND r.hash = q.hash)
  AND NOT EXISTS (SELECT FROM branch_record AS b
                  WHERE b.device_id = q.device_id AND b.epoch = q.epoch AND b.seq = q.seq AND b.hash = q.hash);

-- Single records of proven devices that were put aside, and what became of each: `accepted` under its own number after
-- all, `branch` = taken in under `taken_as`, `waiting` = kept until this city knows its kind or a person has looked.
CREATE VIEW published_quarantine_item AS
SELECT q.quarantine_id, q.device_id, q.epoch, q.seq, q.reason, q.detail, encode(q.hash, 'hex') AS hash, q.received_at_ms,
       CASE WHEN r.seq IS NOT NULL THEN 'accepted' WHEN b.branch IS NOT NULL THEN 'branch' ELSE 'waiting' END AS outcome,
       CASE WHEN r.seq IS NOT NULL THEN q.device_id || '.' || q.epoch || '.' || q.seq
            WHEN b.branch IS NOT NULL THEN q.device_id || '.' || b.branch || '.' || q.seq END AS taken_as
FROM quarantine AS q
LEFT JOIN record AS r ON (r.device_id, r.epoch, r.seq, r.hash) = (q.device_id, q.epoch, q.seq, q.hash)
LEFT JOIN branch_record AS b ON (b.device_id, b.epoch, b.seq, b.hash) = (q.device_id, q.epoch, q.seq, q.hash)
WHERE q.authentic;

GRANT SELECT, INSERT ON branch_record TO ingest_runtime;
GRANT SELECT ON published_quarantine_item TO auditor_runtime, office_runtime, portal_runtime;
