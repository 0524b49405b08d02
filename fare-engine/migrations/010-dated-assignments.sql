-- Device → vehicle, vehicle → carrier, vehicle → route and trip are facts of their own, each dated, each with the time
-- from which the city knew it. A device's assignment may still name carrier and route: for desks and small cities.
ALTER TABLE device_assignment ALTER COLUMN carrier_id DROP NOT NULL;
CREATE INDEX device_assignment_vehicle ON device_assignment (vehicle_id);

CREATE TABLE vehicle_assignment (
  assignment_id uuid PRIMARY KEY,
  vehicle_id text COLLATE "C" NOT NULL,
  carrier_id text NOT NULL,
  valid_from_ms bigint NOT NULL,
  valid_until_ms bigint,
  known_from_ms bigint NOT NULL
);
CREATE INDEX vehicle_assignment_vehicle ON vehicle_assignment (vehicle_id, valid_from_ms);
COMMENT ON TABLE vehicle_assignment IS 'fact: a vehicle drives for a carrier during an interval; the latest known wins';

CREATE TABLE route_assignment (
  assignment_id uuid PRIMARY KEY,
  -- 'plan': what the dispatcher planned; 'correction': what was driven, said afterwards.
  kind text NOT NULL CHECK (kind IN ('plan', 'correction')),
  -- A vehicle, or a single device.
  vehicle_id text COLLATE "C",
  device_id text COLLATE "C",
  route_id text NOT NULL,
  trip_id text,
  direction_id smallint CHECK (direction_id IN (0, 1)),
  valid_from_ms bigint NOT NULL,
  valid_until_ms bigint,
  known_from_ms bigint NOT NULL,
  -- Of a correction: why, and who said so.
  reason text CHECK (length(reason) <= 200),
  said_by text CHECK (length(said_by) <= 200),
  CHECK ((vehicle_id IS NULL) <> (device_id IS NULL)),
  CHECK (kind = 'plan' OR (reason IS NOT NULL AND said_by IS NOT NULL AND valid_until_ms IS NOT NULL))
);
CREATE INDEX route_assignment_vehicle ON route_assignment (vehicle_id, valid_from_ms) WHERE vehicle_id IS NOT NULL;
CREATE INDEX route_assignment_device ON route_assignment (device_id, valid_from_ms) WHERE device_id IS NOT NULL;
COMMENT ON TABLE route_assignment IS 'fact: a vehicle drives a route and trip during an interval; the latest known wins';

-- A shift holds within its own fare day. Rows stored before these columns were there have no day and hold nowhere.
ALTER TABLE shift ADD COLUMN direction_id smallint, ADD COLUMN fare_day date;
CREATE INDEX shift_device_day ON shift (device_id, fare_day, at_ms);
ALTER TABLE tap ADD COLUMN belief_direction_id smallint;

-- By which fact the route of a tap stands.
ALTER TABLE decision ADD COLUMN trip_id text, ADD COLUMN direction_id smallint, ADD COLUMN route_by text,
  ADD COLUMN route_fact_id text;

CREATE TABLE shift_queue (
  queue_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  record_id text COLLATE "C" NOT NULL
);
COMMENT ON TABLE shift_queue IS 'queue: shift records whose vehicle may have taps that were priced without them';

GRANT SELECT, INSERT ON vehicle_assignment, route_assignment TO fare_runtime;
GRANT SELECT ON vehicle_assignment, route_assignment TO auditor_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON shift_queue TO fare_runtime;

-- Views repeat what they say of a decision; new columns stand last.
CREATE OR REPLACE VIEW latest_decision AS
  SELECT d.* FROM decision d
  WHERE NOT EXISTS (SELECT FROM decision n WHERE n.tap_id = d.tap_id AND n.revision = d.revision + 1);

CREATE OR REPLACE VIEW published_tap AS
  SELECT t.tap_id, t.device_id, coalesce(d.vehicle_id, t.belief_vehicle_id) AS vehicle_id, d.carrier_id,
         coalesce(d.route_id, t.belief_route_id) AS route_id, t.stop_id, t.fare_at_ms, t.received_at_ms,
         t.medium_kind, d.kind, d.fare_media_id, d.rider_category_id, d.concession_id, d.funding_id,
         d.gross_minor, d.rider_minor, d.transfer_minor, d.concession_minor, d.pass_minor, d.cap_minor,
         d.currency, t.flags, d.revision, d.decided_at_ms, d.tap_id || '#' || d.revision AS decision_id,
         d.trip_id, d.direction_id, d.route_by, d.route_fact_id
  FROM latest_decision d JOIN tap t USING (tap_id);

CREATE OR REPLACE VIEW published_totals AS
  SELECT dimension, key, count(*) FILTER (WHERE kind IN ('ride', 'transfer')) AS rides,
         count(*) FILTER (WHERE claim_ride) AS claim_rides, sum(gross_minor)::bigint AS gross_minor,
         sum(rider_minor)::bigint AS rider_minor, sum(concession_minor)::bigint AS concession_minor, currency
  FROM latest_decision d JOIN tap t USING (tap_id)
  CROSS JOIN LATERAL (VALUES ('medium', t.medium_kind), ('category', coalesce(d.rider_category_id, '')),
                             ('carrier', coalesce(d.carrier_id, '')),
                             ('route', coalesce(d.route_id, ''))) AS split (dimension, key)
  WHERE d.kind <> 'withdrawn'
  GROUP BY dimension, key, currency;

-- A shift that waits is work that waits.
CREATE OR REPLACE VIEW published_counts AS
  SELECT (SELECT count(*) FROM tap) AS taps,
         (SELECT count(*) FROM decision WHERE revision = 1) AS decided_taps,
         (SELECT count(*) FROM record_inbox) AS inbox,
         (SELECT count(*) FROM account_day_queue) + (SELECT count(*) FROM shift_queue) AS queue,
         (SELECT count(*) FROM command_inbox) AS commands_waiting,
         (SELECT count(*) FROM command_refusal) AS commands_refused,
         (SELECT count(*) FROM stuck) AS stuck;
