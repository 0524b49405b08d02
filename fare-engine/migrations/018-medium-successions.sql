-- Rotation of token keys: one medium under two tokens. What a device said while both keys lived stays said, so that a tap
-- under either token is a tap of the one medium.
CREATE TABLE medium_succession (
  token_id text COLLATE "C" NOT NULL,
  former_token_id text COLLATE "C" NOT NULL,
  -- When ingest received a record that says so; a row for each time that is earlier than those known before it.
  known_from_ms bigint NOT NULL,
  PRIMARY KEY (token_id, former_token_id, known_from_ms)
);
CREATE INDEX medium_succession_former ON medium_succession (former_token_id);
COMMENT ON TABLE medium_succession IS 'fact: a token stands for the same medium as a token under the key before it';

CREATE TABLE succession_queue (
  queue_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token_id text COLLATE "C" NOT NULL
);
COMMENT ON TABLE succession_queue IS 'queue: media whose taps and denials have to be looked at again because another token of theirs became known';

-- As `facts/account-of.ts` derives it.
CREATE FUNCTION derived_account_id(token_id text) RETURNS text LANGUAGE sql IMMUTABLE AS
  $$ SELECT 'acc-' || left(encode(sha256(convert_to('kvytok account of ' || token_id, 'UTF8')), 'hex'), 32) $$;

CREATE OR REPLACE VIEW published_counts AS
  SELECT (SELECT count(*) FROM tap) AS taps,
         (SELECT count(*) FROM decision WHERE revision = 1) AS decided_taps,
         (SELECT count(*) FROM record_inbox) AS inbox,
         (SELECT count(*) FROM account_day_queue) + (SELECT count(*) FROM shift_queue)
           + (SELECT count(*) FROM clock_queue) + (SELECT count(*) FROM succession_queue) AS queue,
         (SELECT count(*) FROM command_inbox) AS commands_waiting,
         (SELECT count(*) FROM command_refusal) AS commands_refused,
         (SELECT count(*) FROM stuck) AS stuck;

GRANT SELECT, INSERT ON medium_succession TO fare_runtime;
GRANT SELECT ON medium_succession TO auditor_runtime;
GRANT SELECT, INSERT, DELETE ON succession_queue TO fare_runtime;
