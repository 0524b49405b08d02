-- What tells a copied, lost or replaced journal: which key signed an epoch, when it was in use, what was told of it.

CREATE TABLE epoch_key (
  device_id text NOT NULL,
  epoch text NOT NULL,
  key_id text NOT NULL,
  PRIMARY KEY (device_id, epoch, key_id)
);
COMMENT ON TABLE epoch_key IS 'fact: records of an epoch came under a signature of this key';

-- At alive_from_ms the epoch had certainly begun, at alive_to_ms it was certainly still written, by the records' evidence.
ALTER TABLE link_queue ADD COLUMN alive_from_ms bigint, ADD COLUMN alive_to_ms bigint;
ALTER TABLE link_epoch
  ADD COLUMN linked_to_seq bigint,
  ADD COLUMN alive_from_ms bigint,
  ADD COLUMN alive_to_ms bigint,
  ADD COLUMN first_received_at_ms bigint,
  ADD COLUMN last_received_at_ms bigint,
  -- Name of the mark that the fare engine was told last; `//` says that nothing is marked.
  ADD COLUMN told_mark text NOT NULL DEFAULT '//';

-- Journals that their devices lost, each with the last record held from before. How many numbers may have followed it
-- unsent cannot be known: nobody has them any more.
CREATE VIEW published_lost_journal AS
SELECT e.device_id, e.epoch, e.first_received_at_ms AS begun_at_ms, former.epoch AS last_epoch,
       former.last_seq, former.last_received_at_ms
FROM link_epoch AS e
LEFT JOIN LATERAL (
  SELECT f.epoch, f.last_seq, f.last_received_at_ms FROM link_epoch AS f
  WHERE f.device_id = e.device_id AND f.epoch <> e.epoch AND f.first_received_at_ms <= e.first_received_at_ms
  ORDER BY f.first_received_at_ms DESC, f.epoch LIMIT 1) AS former ON true
WHERE e.follows = 'lost';

-- Every alarm about a device's journal: signs that it exists twice (kinds: ingest/link-chain.ts), and losses.
CREATE VIEW published_journal_alarm AS
SELECT device_id, kind, epoch, min(seq) AS seq, count(*) AS signs, min(noticed_at_ms) AS noticed_at_ms
FROM link_fork GROUP BY device_id, kind, epoch
UNION ALL
SELECT device_id, 'lost', epoch, 1, 1, begun_at_ms FROM published_lost_journal;

GRANT SELECT, INSERT ON epoch_key TO ingest_runtime;
GRANT SELECT ON published_lost_journal, published_journal_alarm TO portal_runtime, auditor_runtime, office_runtime, ingest_runtime;
