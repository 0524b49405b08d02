-- An account's newest priced day stands beside its lock: a tap in order reads one row and writes one. What a day hands on stays in
-- account_day, which is written when that changes. NULL = no day, or one to be looked up there: closed with taps that came too
-- late, or several days priced at once.
ALTER TABLE account ADD COLUMN head_day date, ADD COLUMN head_in text, ADD COLUMN head_out text, ADD COLUMN running text,
  ADD COLUMN running_ms bigint,
  ADD CHECK ((head_day IS NULL) = (head_in IS NULL) AND (head_day IS NULL) = (head_out IS NULL)),
  ADD CHECK ((running IS NULL) = (running_ms IS NULL) AND (running IS NULL OR head_day IS NOT NULL));
UPDATE account AS a SET head_day = d.fare_day, head_in = d.state_in, head_out = d.state_out, running = d.running,
  running_ms = d.running_ms
  FROM (SELECT DISTINCT ON (account_id) * FROM account_day ORDER BY account_id, fare_day DESC) AS d
 WHERE d.account_id = a.account_id AND d.base_in IS NULL AND d.base_out IS NULL;
ALTER TABLE account_day DROP COLUMN running, DROP COLUMN running_ms;
-- Room on each page for all of its rows once more: no index has a part in the change.
ALTER TABLE account SET (fillfactor = 45);

-- A trigger before each row makes the server insert row by row; after it, it refuses as well.
DROP TRIGGER batches_alone ON audit_leaf;
CREATE TRIGGER batches_alone AFTER INSERT ON audit_leaf FOR EACH ROW
  WHEN (current_user = 'ingest_runtime' AND NEW.kind <> 'batch') EXECUTE FUNCTION refuse_leaf();
