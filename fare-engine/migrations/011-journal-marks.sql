-- What ingest knows of a device's journal, told from time to time: of an epoch the latest row stands. It marks taps and
-- never prices them: a copied journal may become known when its taps were priced long ago.

CREATE TABLE journal_mark (
  mark_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  device_id text COLLATE "C" NOT NULL,
  epoch text NOT NULL,
  -- Records beyond this number have a predecessor that has not come; NULL = none has.
  linked_to_seq bigint,
  -- Records from this number on, and those made at or after this instant, are of a journal that exists twice.
  forked_from_seq bigint,
  forked_from_ms bigint,
  known_from_ms bigint NOT NULL
);
CREATE INDEX journal_mark_latest ON journal_mark (device_id, epoch, mark_id DESC);
COMMENT ON TABLE journal_mark IS 'fact: what ingest knew of an epoch from then on; the latest stands';

CREATE OR REPLACE VIEW published_tap AS
  SELECT t.tap_id, t.device_id, coalesce(d.vehicle_id, t.belief_vehicle_id) AS vehicle_id, d.carrier_id,
         coalesce(d.route_id, t.belief_route_id) AS route_id, t.stop_id, t.fare_at_ms, t.received_at_ms,
         t.medium_kind, d.kind, d.fare_media_id, d.rider_category_id, d.concession_id, d.funding_id,
         d.gross_minor, d.rider_minor, d.transfer_minor, d.concession_minor, d.pass_minor, d.cap_minor,
         d.currency,
         t.flags || ARRAY(
           SELECT v.flag
           FROM (SELECT * FROM journal_mark m WHERE m.device_id = t.device_id AND m.epoch = t.epoch
                 ORDER BY m.mark_id DESC LIMIT 1) AS m
           CROSS JOIN LATERAL (VALUES
             ('FORKED_EPOCH', t.seq >= m.forked_from_seq OR t.fare_at_ms >= m.forked_from_ms),
             ('UNLINKED', t.seq > m.linked_to_seq)) AS v (flag, holds)
           WHERE v.holds AND v.flag <> ALL (t.flags) ORDER BY v.flag) AS flags,
         d.revision, d.decided_at_ms, d.tap_id || '#' || d.revision AS decision_id,
         d.trip_id, d.direction_id, d.route_by, d.route_fact_id
  FROM latest_decision d JOIN tap t USING (tap_id);

GRANT INSERT ON journal_mark TO ingest_runtime;
GRANT SELECT ON journal_mark TO auditor_runtime;
