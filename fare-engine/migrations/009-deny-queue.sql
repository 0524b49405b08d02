-- Media whose denials may have changed wait in a queue: a fact that commits late waits there when it commits, however
-- old the instant is from which it was known. A cursor over that instant would have passed it by.
CREATE TABLE deny_queue (
  queue_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token_id text COLLATE "C" NOT NULL
);
COMMENT ON TABLE deny_queue IS 'queue: media whose denial the published list may not show yet';
GRANT SELECT, INSERT, DELETE ON deny_queue TO fare_runtime;

CREATE FUNCTION enqueue_denials() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO fare.deny_queue (token_id) SELECT DISTINCT token_id FROM inserted;
  RETURN NULL;
END $$;
CREATE TRIGGER deny_entry_queued AFTER INSERT ON deny_entry
  REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION enqueue_denials();

INSERT INTO deny_queue (token_id) SELECT DISTINCT token_id FROM deny_entry;
ALTER TABLE deny_list DROP COLUMN seen_known_ms;
DROP INDEX deny_entry_known;
