-- Pieces of baggage that a touch pays for beside the holder and companions; none in taps before.
ALTER TABLE tap ADD COLUMN bags smallint NOT NULL DEFAULT 0;

-- As before, with the new column last.
CREATE OR REPLACE VIEW timed_tap AS
  SELECT t.tap_id, t.device_id, t.epoch, t.seq, t.record_sha256, t.token_id, t.medium_kind, t.direction, t.companions,
         t.fare_day, t.fare_at_ms, t.uncertainty_ms, t.belief_vehicle_id, t.belief_route_id, t.belief_trip_id,
         t.belief_direction_id, t.stop_id, t.stop_confidence_pct, t.stop_source, t.stop_unsure,
         t.pass_back_of, t.flags, t.received_at_ms, t.received_at_ms AS known_from_ms, t.bags
  FROM tap t WHERE NOT EXISTS (SELECT FROM tap_time m WHERE m.tap_id = t.tap_id)
  UNION ALL
  SELECT m.tap_id, m.device_id, t.epoch, t.seq, t.record_sha256, m.token_id, t.medium_kind, t.direction, t.companions,
         m.fare_day, m.fare_at_ms, m.uncertainty_ms, t.belief_vehicle_id, t.belief_route_id, t.belief_trip_id,
         t.belief_direction_id, t.stop_id, t.stop_confidence_pct, t.stop_source, t.stop_unsure,
         t.pass_back_of,
         array_remove(array_remove(t.flags, 'LATE'), 'CLOCK_FAR_FROM_RECEIPT') || m.flags,
         t.received_at_ms, m.known_from_ms, t.bags
  FROM tap_time m JOIN tap t ON t.tap_id = m.tap_id;
