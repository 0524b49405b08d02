-- The published view finds each decision's tap by its key. Through timed_tap, whose branches a join's condition does not
-- enter, the portal's "latest taps" read every tap there is.
CREATE OR REPLACE VIEW published_tap AS
  SELECT t.tap_id, t.device_id, coalesce(d.vehicle_id, t.belief_vehicle_id) AS vehicle_id, d.carrier_id,
         coalesce(d.route_id, t.belief_route_id) AS route_id, t.stop_id,
         coalesce(m.fare_at_ms, t.fare_at_ms) AS fare_at_ms, t.received_at_ms,
         t.medium_kind, d.kind, d.fare_media_id, d.rider_category_id, d.concession_id, d.funding_id,
         d.gross_minor, d.rider_minor, d.transfer_minor, d.concession_minor, d.pass_minor, d.cap_minor,
         d.currency,
         t.flags || coalesce(m.flags, '{}') || ARRAY(
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
