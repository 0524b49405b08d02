-- Clocks: what is known of time beyond a tap's own record. The tap itself keeps what its record says; where later
-- evidence or the office says otherwise, tap_time holds the answer, and timed_tap is what everybody reads.

CREATE TABLE clock_sync (
  record_id text COLLATE "C" PRIMARY KEY,
  device_id text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  boot_id text COLLATE "C" NOT NULL,
  -- Monotonic time of the record and of the sync that it carries, and the city's time at that sync.
  mono_ms bigint NOT NULL,
  sync_mono_ms bigint NOT NULL,
  server_ms bigint NOT NULL,
  rtt_ms bigint NOT NULL,
  -- When ingest received it: the time from which the sync is known.
  received_at_ms bigint NOT NULL
);
CREATE INDEX clock_sync_boot ON clock_sync (device_id, boot_id, sync_mono_ms);
CREATE INDEX clock_sync_chain ON clock_sync (device_id, epoch, seq);
COMMENT ON TABLE clock_sync IS 'fact: a record of a device whose clock had met the city''s in the same boot';

CREATE TABLE unsure_tap (
  tap_id text COLLATE "C" PRIMARY KEY,
  device_id text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  boot_id text COLLATE "C" NOT NULL,
  mono_ms bigint NOT NULL,
  -- The record's clock evidence, whole.
  evidence jsonb NOT NULL
);
CREATE INDEX unsure_tap_boot ON unsure_tap (device_id, boot_id, mono_ms);
CREATE INDEX unsure_tap_chain ON unsure_tap (device_id, epoch, seq);
COMMENT ON TABLE unsure_tap IS 'fact: clock evidence of a tap whose own record leaves its time open';

CREATE TABLE clock_correction (
  correction_id uuid PRIMARY KEY,
  device_id text COLLATE "C" NOT NULL,
  -- Which taps: by the time that their own records say, and where given by place in the journal, both included.
  valid_from_ms bigint NOT NULL,
  valid_until_ms bigint NOT NULL,
  epoch text COLLATE "C",
  from_seq bigint,
  to_seq bigint,
  offset_ms bigint,
  true_at_ms bigint,
  uncertainty_ms bigint NOT NULL,
  reason text NOT NULL,
  act text,
  known_from_ms bigint NOT NULL,
  CHECK ((offset_ms IS NULL) <> (true_at_ms IS NULL))
);
CREATE INDEX clock_correction_device ON clock_correction (device_id);
COMMENT ON TABLE clock_correction IS 'fact: the office says when taps of a device with a wrong clock took place; the latest known wins';

CREATE TABLE tap_time (
  tap_id text COLLATE "C" PRIMARY KEY,
  token_id text COLLATE "C" NOT NULL,
  device_id text COLLATE "C" NOT NULL,
  fare_day date NOT NULL,
  fare_at_ms bigint NOT NULL,
  uncertainty_ms bigint NOT NULL,
  flags text[] NOT NULL,
  -- From when the tap was known to have taken place then.
  known_from_ms bigint NOT NULL
);
CREATE INDEX tap_time_token_day ON tap_time (token_id, fare_day);
CREATE INDEX tap_time_device_day ON tap_time (device_id, fare_day);
COMMENT ON TABLE tap_time IS 'projection: times of taps that are not those of their own records; made from clock_sync, unsure_tap, clock_correction and close';

CREATE TABLE clock_queue (
  queue_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sort text NOT NULL CHECK (sort IN ('tap', 'sync', 'correction')),
  ref text NOT NULL
);
COMMENT ON TABLE clock_queue IS 'queue: taps, syncs and corrections after which times of taps have to be looked at again';

-- Every tap with the time that counts. The first branch is nearly all of them.
CREATE VIEW timed_tap AS
  SELECT t.tap_id, t.device_id, t.epoch, t.seq, t.record_sha256, t.token_id, t.medium_kind, t.direction, t.companions,
         t.fare_day, t.fare_at_ms, t.uncertainty_ms, t.belief_vehicle_id, t.belief_route_id, t.belief_trip_id,
         t.belief_direction_id, t.stop_id, t.stop_confidence_pct, t.stop_source, t.stop_unsure,
         t.pass_back_of, t.flags, t.received_at_ms, t.received_at_ms AS known_from_ms
  FROM tap t WHERE NOT EXISTS (SELECT FROM tap_time m WHERE m.tap_id = t.tap_id)
  UNION ALL
  SELECT m.tap_id, m.device_id, t.epoch, t.seq, t.record_sha256, m.token_id, t.medium_kind, t.direction, t.companions,
         m.fare_day, m.fare_at_ms, m.uncertainty_ms, t.belief_vehicle_id, t.belief_route_id, t.belief_trip_id,
         t.belief_direction_id, t.stop_id, t.stop_confidence_pct, t.stop_source, t.stop_unsure,
         t.pass_back_of, t.flags || m.flags, t.received_at_ms, m.known_from_ms
  FROM tap_time m JOIN tap t ON t.tap_id = m.tap_id;

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
  FROM latest_decision d JOIN timed_tap t USING (tap_id);

-- What is known of clocks and not looked at yet is work that waits.
CREATE OR REPLACE VIEW published_counts AS
  SELECT (SELECT count(*) FROM tap) AS taps,
         (SELECT count(*) FROM decision WHERE revision = 1) AS decided_taps,
         (SELECT count(*) FROM record_inbox) AS inbox,
         (SELECT count(*) FROM account_day_queue) + (SELECT count(*) FROM shift_queue)
           + (SELECT count(*) FROM clock_queue) AS queue,
         (SELECT count(*) FROM command_inbox) AS commands_waiting,
         (SELECT count(*) FROM command_refusal) AS commands_refused,
         (SELECT count(*) FROM stuck) AS stuck;

GRANT SELECT, INSERT ON clock_sync, unsure_tap, clock_correction TO fare_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON tap_time, clock_queue TO fare_runtime;
GRANT SELECT ON timed_tap TO fare_runtime, auditor_runtime;
GRANT SELECT ON clock_sync, unsure_tap, clock_correction, tap_time TO auditor_runtime;
