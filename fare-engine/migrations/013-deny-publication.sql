-- What stands at the broker of the deny list, so that whoever publishes next goes on instead of beginning anew: the
-- deltas since the snapshot, and every snapshot of which a chunk may be retained there.
ALTER TABLE deny_list ADD COLUMN entries int NOT NULL DEFAULT 0;
ALTER TABLE deny_list ADD COLUMN generation_proof text;
ALTER TABLE deny_list DROP COLUMN snapshot_n, DROP COLUMN snapshot_chunks;
UPDATE deny_list SET entries = (SELECT count(*) FROM deny_published);

CREATE TABLE deny_delta (
  generation int NOT NULL,
  n int NOT NULL,
  body json NOT NULL,
  PRIMARY KEY (generation, n)
);
COMMENT ON TABLE deny_delta IS 'queue: deltas of the published deny list since its snapshot, retained at the broker';

CREATE TABLE deny_snapshot (
  generation int NOT NULL,
  n int NOT NULL,
  -- Chunks that may be retained; how many there are when sha256 is there.
  chunks int NOT NULL,
  -- As the manifest says it; null while it is being published.
  sha256 text,
  PRIMARY KEY (generation, n)
);
COMMENT ON TABLE deny_snapshot IS 'queue: snapshots of the deny list of which chunks may be retained at the broker';

GRANT SELECT, INSERT, UPDATE, DELETE ON deny_delta, deny_snapshot TO fare_runtime;
-- Whoever asks whether a card is denied: facts, the list as it is published, and its version.
GRANT SELECT ON deny_list, deny_published TO auditor_runtime;
