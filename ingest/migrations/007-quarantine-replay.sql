-- Records of a kind that this version did not know when they came are in quarantine, proven and receipted. A later version
-- takes them in when the office says so.

CREATE TABLE command_inbox (
  command_id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (kind = 'replay-quarantine'),
  submitted_by text NOT NULL CHECK (length(submitted_by) <= 200),
  submitted_at_ms bigint NOT NULL,
  arrival bigint GENERATED ALWAYS AS IDENTITY
);
COMMENT ON TABLE command_inbox IS 'queue: what the office asks of ingest';

CREATE TABLE command_outcome (
  command_id uuid PRIMARY KEY,
  kind text NOT NULL,
  submitted_by text NOT NULL,
  submitted_at_ms bigint NOT NULL,
  done_at_ms bigint NOT NULL,
  -- Records looked at, taken in now, and left where they were because this version does not know them either.
  looked bigint NOT NULL,
  taken bigint NOT NULL,
  left_waiting bigint NOT NULL
);
COMMENT ON TABLE command_outcome IS 'fact: what became of a command';

CREATE VIEW published_command_outcome AS SELECT * FROM command_outcome;

-- The exact bytes, for whoever has to look at one of them.
CREATE VIEW published_quarantine_bytes AS SELECT quarantine_id, payload FROM quarantine WHERE authentic;

GRANT INSERT ON command_inbox TO office_runtime;
GRANT SELECT, UPDATE, DELETE ON command_inbox TO ingest_runtime;
GRANT SELECT, INSERT ON command_outcome TO ingest_runtime;
GRANT SELECT ON published_command_outcome TO office_runtime, auditor_runtime;
GRANT SELECT ON published_quarantine_bytes TO auditor_runtime;
