-- Queues: rows go in by one statement and out by DELETE … FOR UPDATE SKIP LOCKED … RETURNING inside the transaction
-- that does the work, so a worker's death gives them back. No cursor over a serial number: late commits are not skipped.

CREATE TABLE record_inbox (
  inbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  device_id text NOT NULL,
  epoch text NOT NULL,
  seq bigint NOT NULL,
  kind text NOT NULL,
  hash bytea NOT NULL,
  record text NOT NULL,
  flags text[] NOT NULL DEFAULT '{}',
  received_at_ms bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
COMMENT ON TABLE record_inbox IS 'queue: records that ingest accepted';

CREATE TABLE command_inbox (
  command_id uuid PRIMARY KEY,
  kind text NOT NULL CHECK (length(kind) <= 64),
  payload jsonb NOT NULL CHECK (octet_length(payload::text) <= 16384),
  submitted_by text NOT NULL CHECK (length(submitted_by) <= 200),
  submitted_at_ms bigint NOT NULL,
  arrival bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX command_inbox_arrival ON command_inbox (arrival);
COMMENT ON TABLE command_inbox IS 'queue: commands of the office and the portal, obeyed in order of arrival';

-- No unique key: two rows for one account-day do no harm, and nobody has to wait for another's commit to add one.
CREATE TABLE account_day_queue (
  queue_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id text COLLATE "C" NOT NULL,
  fare_day date NOT NULL,
  reason text NOT NULL,
  attempts int NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
COMMENT ON TABLE account_day_queue IS 'queue: account-days to be priced again because a fact became known';

-- What could not be worked off after several tries: kept, counted, shown; put back at the next start.
CREATE TABLE stuck (
  stuck_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sort text NOT NULL CHECK (sort IN ('record', 'account-day', 'command')),
  ref text NOT NULL,
  body jsonb NOT NULL,
  error text NOT NULL,
  attempts int NOT NULL,
  since_ms bigint NOT NULL
);
COMMENT ON TABLE stuck IS 'queue: rows moved aside after repeated errors, so that others go on';
