-- The audit log: leaves get their order, and a tree that one sequencer grows.

-- Leaves are ordered by the transaction that wrote them, then by leaf_id. A transaction below the snapshot's lowest
-- running one can write no more, so what the sequencer has passed never gets a neighbour late, and nothing is skipped.
ALTER TABLE audit_leaf ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE audit_leaf DROP CONSTRAINT audit_leaf_pkey;
ALTER TABLE audit_leaf ADD PRIMARY KEY (xact, leaf_id);
-- The sequencer hashes the bytes themselves when it seals them.
ALTER TABLE audit_leaf DROP COLUMN sha256;
-- An entry's length stands in two bytes of a bundle.
ALTER TABLE audit_leaf ADD CHECK (octet_length(bytes) BETWEEN 1 AND 65535);

-- Full tiles of hashes (c2sp.org/tlog-tiles). Of level 0 also the last leaf of the bundle of entries under it.
CREATE TABLE audit_tile (
  level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
  n bigint NOT NULL CHECK (n >= 0),
  hashes bytea NOT NULL CHECK (octet_length(hashes) = 8192),
  last_xact xid8,
  last_leaf_id bigint,
  PRIMARY KEY (level, n),
  CHECK ((level = 0) = (last_xact IS NOT NULL) AND (level = 0) = (last_leaf_id IS NOT NULL))
);
COMMENT ON TABLE audit_tile IS 'fact: 256 neighbouring hashes of the audit log''s tree';

-- What the log signed: once signed, for ever claimed.
CREATE TABLE audit_checkpoint (
  size bigint NOT NULL CHECK (size > 0),
  origin text NOT NULL,
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  -- The signed note, exactly.
  note text NOT NULL,
  -- Last leaf that it covers.
  last_xact xid8 NOT NULL,
  last_leaf_id bigint NOT NULL,
  signed_at_ms bigint NOT NULL,
  PRIMARY KEY (size, origin)
);
COMMENT ON TABLE audit_checkpoint IS 'fact: a state of the audit log that was signed';

-- Public keys under which the log signs, as people hold them (c2sp.org/signed-note, verifier keys).
CREATE TABLE audit_key (
  vkey text PRIMARY KEY,
  first_used_ms bigint NOT NULL
);
COMMENT ON TABLE audit_key IS 'fact: a key under which the audit log has signed';

-- Lives of the log: a restored database may have lost what was signed before, so it goes on under another origin.
CREATE TABLE audit_life (
  ordinal int PRIMARY KEY CHECK (ordinal > 0),
  begun_at_ms bigint NOT NULL
);
INSERT INTO audit_life (ordinal, begun_at_ms) VALUES (1, 0);
COMMENT ON TABLE audit_life IS 'fact: a life of the audit log';

-- Right edge of the tree: the unfinished tile of each level.
CREATE TABLE audit_tree (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  size bigint NOT NULL DEFAULT 0,
  levels bytea[] NOT NULL DEFAULT '{}',
  last_xact xid8 NOT NULL DEFAULT '0',
  last_leaf_id bigint NOT NULL DEFAULT 0
);
INSERT INTO audit_tree DEFAULT VALUES;
COMMENT ON TABLE audit_tree IS 'projection: how far the audit log has grown';

-- Hashes and signatures may be seen by everybody; entries speak of accounts and leave in exports only.
CREATE VIEW published_audit_checkpoint AS
  SELECT size, origin, note, signed_at_ms FROM audit_checkpoint;
CREATE VIEW published_audit_key AS SELECT vkey, first_used_ms FROM audit_key;
CREATE VIEW published_audit_tile AS
  SELECT level::int AS level, n, hashes FROM audit_tile
  UNION ALL
  SELECT (part.ordinality - 1)::int, t.size >> (8 * part.ordinality)::int, part.hashes
  FROM audit_tree AS t, unnest(t.levels) WITH ORDINALITY AS part (hashes, ordinality)
  WHERE octet_length(part.hashes) > 0;

GRANT SELECT, INSERT ON audit_tile, audit_checkpoint, audit_key TO fare_runtime;
GRANT SELECT ON audit_life TO fare_runtime;
GRANT SELECT, UPDATE ON audit_tree TO fare_runtime;
-- What ingest accepts is witnessed by ingest, in the transaction that accepts it, and nothing else. Nobody chooses a
-- leaf's place in the order.
REVOKE INSERT ON audit_leaf FROM fare_runtime;
GRANT INSERT (kind, ref, bytes) ON audit_leaf TO fare_runtime, ingest_runtime;
CREATE FUNCTION refuse_leaf() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the role % may not write audit leaves of kind %', current_user, NEW.kind
    USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER batches_alone BEFORE INSERT ON audit_leaf FOR EACH ROW
  WHEN (current_user = 'ingest_runtime' AND NEW.kind <> 'batch') EXECUTE FUNCTION refuse_leaf();
GRANT SELECT ON audit_tile, audit_checkpoint, audit_key, audit_life, audit_tree TO auditor_runtime;
GRANT SELECT ON published_audit_checkpoint, published_audit_key, published_audit_tile TO portal_runtime, auditor_runtime;
