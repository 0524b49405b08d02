-- A running system is brought over: its files are staged, looked at and written in one transaction. Rows of the stage are
-- of that transaction alone and are gone when it ends, however it ends.
CREATE UNLOGGED TABLE import_row (
  run_id uuid NOT NULL,
  file text COLLATE "C" NOT NULL,
  line int NOT NULL,
  id text COLLATE "C",
  account_id text COLLATE "C" NOT NULL,
  -- Token, product or concession.
  ref text COLLATE "C",
  from_ms bigint,
  until_ms bigint,
  amount_minor bigint,
  currency text,
  evidence_sha256 bytea,
  -- The city knows it already.
  known boolean NOT NULL DEFAULT false
);
CREATE INDEX import_row_file ON import_row (run_id, file, line);
COMMENT ON TABLE import_row IS 'queue: rows of an import while it is looked at';
GRANT SELECT, INSERT, UPDATE, DELETE ON import_row TO fare_runtime;

-- On what a right was granted: the hash of a register's extract. What stands in it is nobody's business here.
ALTER TABLE entitlement ADD COLUMN evidence_sha256 bytea CHECK (octet_length(evidence_sha256) = 32);
