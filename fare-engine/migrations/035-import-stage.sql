-- An import stages its files in committed rows, so that no transaction stays open while it reads and looks: the audit log
-- goes on sealing, and what is settled meanwhile misses nothing. One import or check works at a time (an advisory lock), so
-- whatever is here when it begins was left by one that died, and goes.
DROP TABLE import_row;
CREATE UNLOGGED TABLE import_row (
  file text COLLATE "C" NOT NULL,
  line int NOT NULL,
  id text COLLATE "C",
  account_id text COLLATE "C",
  -- Token, product or concession.
  ref text COLLATE "C",
  from_ms bigint,
  until_ms bigint,
  amount_minor bigint,
  currency text,
  evidence_sha256 bytea,
  -- Of a denial.
  reason text,
  scope text,
  -- The city knows it already.
  known boolean NOT NULL DEFAULT false,
  PRIMARY KEY (file, line)
);
COMMENT ON TABLE import_row IS 'queue: rows of an import while it is looked at';

CREATE UNLOGGED TABLE import_leaf (
  part int PRIMARY KEY,
  bytes text NOT NULL
);
COMMENT ON TABLE import_leaf IS 'queue: leaves of an import that is about to be written';
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON import_row, import_leaf TO fare_runtime;
