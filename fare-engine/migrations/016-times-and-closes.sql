-- A close is known later than every record that the books have, whatever the clocks of those that received them said: the
-- newest are found without reading history.
CREATE INDEX tap_received ON tap USING brin (received_at_ms) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX shift_received ON shift USING brin (received_at_ms) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX clock_sync_received ON clock_sync USING brin (received_at_ms) WITH (pages_per_range = 32, autosummarize = on);

-- The city's number by which this tap is settled: a later change of it moves no old tap. The default is for rows before.
ALTER TABLE unsure_tap ADD COLUMN drift_ppm double precision NOT NULL DEFAULT 50;
ALTER TABLE unsure_tap ALTER COLUMN drift_ppm DROP DEFAULT;

-- What a tap's own time made of its receipt counts as long as that time does; tap_time.flags says it of the other one.
CREATE OR REPLACE VIEW timed_tap AS
  SELECT t.tap_id, t.device_id, t.epoch, t.seq, t.record_sha256, t.token_id, t.medium_kind, t.direction, t.companions,
         t.fare_day, t.fare_at_ms, t.uncertainty_ms, t.belief_vehicle_id, t.belief_route_id, t.belief_trip_id,
         t.belief_direction_id, t.stop_id, t.stop_confidence_pct, t.stop_source, t.stop_unsure,
         t.pass_back_of, t.flags, t.received_at_ms, t.received_at_ms AS known_from_ms
  FROM tap t WHERE NOT EXISTS (SELECT FROM tap_time m WHERE m.tap_id = t.tap_id)
  UNION ALL
  SELECT m.tap_id, m.device_id, t.epoch, t.seq, t.record_sha256, m.token_id, t.medium_kind, t.direction, t.companions,
         m.fare_day, m.fare_at_ms, m.uncertainty_ms, t.belief_vehicle_id, t.belief_route_id, t.belief_trip_id,
         t.belief_direction_id, t.stop_id, t.stop_confidence_pct, t.stop_source, t.stop_unsure,
         t.pass_back_of,
         array_remove(array_remove(t.flags, 'LATE'), 'CLOCK_FAR_FROM_RECEIPT') || m.flags,
         t.received_at_ms, m.known_from_ms
  FROM tap_time m JOIN tap t ON t.tap_id = m.tap_id;

CREATE OR REPLACE VIEW published_tap AS
  SELECT t.tap_id, t.device_id, coalesce(d.vehicle_id, t.belief_vehicle_id) AS vehicle_id, d.carrier_id,
         coalesce(d.route_id, t.belief_route_id) AS route_id, t.stop_id,
         coalesce(m.fare_at_ms, t.fare_at_ms) AS fare_at_ms, t.received_at_ms,
         t.medium_kind, d.kind, d.fare_media_id, d.rider_category_id, d.concession_id, d.funding_id,
         d.gross_minor, d.rider_minor, d.transfer_minor, d.concession_minor, d.pass_minor, d.cap_minor,
         d.currency,
         CASE WHEN m.tap_id IS NULL THEN t.flags
              ELSE array_remove(array_remove(t.flags, 'LATE'), 'CLOCK_FAR_FROM_RECEIPT') || m.flags END || ARRAY(
           SELECT v.flag
           FROM (SELECT * FROM journal_mark j WHERE j.device_id = t.device_id AND j.epoch = t.epoch
                 ORDER BY j.mark_id DESC LIMIT 1) AS j
           CROSS JOIN LATERAL (VALUES
             ('FORKED_EPOCH', t.seq >= j.forked_from_seq OR coalesce(m.fare_at_ms, t.fare_at_ms) >= j.forked_from_ms),
             ('UNLINKED', t.seq > j.linked_to_seq)) AS v (flag, holds)
           WHERE v.holds AND v.flag <> ALL (t.flags) ORDER BY v.flag) AS flags,
         d.revision, d.decided_at_ms, d.tap_id || '#' || d.revision AS decision_id,
         d.trip_id, d.direction_id, d.route_by, d.route_fact_id
  FROM latest_decision d JOIN tap t USING (tap_id) LEFT JOIN tap_time m USING (tap_id);
