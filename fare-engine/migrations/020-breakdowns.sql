-- Breakdowns of vehicles, as drivers declared them: who was in the vehicle rides on free in the next one, as the tariff says.
-- A breakdown is known from its receipt on; its time is that of its own record, which later evidence of its clock settles as
-- it does that of a tap (facts/breakdowns.ts works it out anew each time).
CREATE TABLE breakdown (
  record_id text COLLATE "C" PRIMARY KEY,
  device_id text COLLATE "C" NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  record_sha256 bytea NOT NULL,
  -- What the device believed; the city's assignments stand above it.
  belief_vehicle_id text,
  belief_route_id text,
  belief_trip_id text,
  belief_direction_id smallint,
  stop_id text,
  -- The driver's service card, by its token; never a name.
  staff_id text,
  fare_day date NOT NULL,
  at_ms bigint NOT NULL,
  uncertainty_ms bigint NOT NULL,
  boot_id text COLLATE "C" NOT NULL,
  mono_ms bigint NOT NULL,
  -- The record's clock evidence, whole.
  evidence jsonb NOT NULL,
  -- Set where the record leaves its time open: the city's number by which it is settled.
  drift_ppm double precision,
  received_at_ms bigint NOT NULL
);
CREATE INDEX breakdown_day ON breakdown (fare_day);
CREATE INDEX breakdown_device ON breakdown (device_id, at_ms);
CREATE INDEX breakdown_received ON breakdown (received_at_ms);
COMMENT ON TABLE breakdown IS 'fact: a driver declared that the vehicle cannot go on';

CREATE TABLE breakdown_queue (
  queue_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  record_id text COLLATE "C" NOT NULL
);
COMMENT ON TABLE breakdown_queue IS 'queue: breakdowns whose rides have to be looked at again';

-- The breakdown by which a ride was free.
ALTER TABLE decision ADD COLUMN breakdown_id text COLLATE "C";
CREATE INDEX decision_breakdown ON decision (breakdown_id) WHERE breakdown_id IS NOT NULL;

-- As before, with the new column last.
CREATE OR REPLACE VIEW latest_decision AS
  SELECT d.* FROM decision d
  WHERE NOT EXISTS (SELECT FROM decision n WHERE n.tap_id = d.tap_id AND n.revision = d.revision + 1);

-- Every breakdown, and what it cost: rides that were free by it, and what they would have cost without it, before
-- concessions. vehicle_id is the one to which the city has assigned the device, as is known now.
CREATE VIEW published_breakdown AS
  SELECT b.record_id AS breakdown_id, b.device_id, coalesce(v.vehicle_id, b.belief_vehicle_id) AS vehicle_id,
         v.vehicle_id IS NOT NULL AS vehicle_assigned, b.belief_route_id AS route_id, b.belief_trip_id AS trip_id,
         b.stop_id, b.at_ms, b.uncertainty_ms, b.drift_ppm IS NOT NULL AS clock_unsure, b.received_at_ms,
         r.rides, r.waived_minor, r.currency
  FROM breakdown b
  LEFT JOIN LATERAL (
    SELECT a.vehicle_id FROM device_assignment a
     WHERE a.device_id = b.device_id AND a.valid_from_ms <= b.at_ms
       AND (a.valid_until_ms IS NULL OR a.valid_until_ms > b.at_ms)
     ORDER BY a.known_from_ms DESC, a.assignment_id DESC LIMIT 1) AS v ON true
  LEFT JOIN LATERAL (
    SELECT count(*) AS rides, coalesce(sum(d.transfer_minor), 0)::bigint AS waived_minor, min(d.currency) AS currency
      FROM latest_decision d WHERE d.breakdown_id = b.record_id) AS r ON true;

CREATE OR REPLACE VIEW published_counts AS
  SELECT (SELECT count(*) FROM tap) AS taps,
         (SELECT count(*) FROM decision WHERE revision = 1) AS decided_taps,
         (SELECT count(*) FROM record_inbox) AS inbox,
         (SELECT count(*) FROM account_day_queue) + (SELECT count(*) FROM shift_queue)
           + (SELECT count(*) FROM clock_queue) + (SELECT count(*) FROM succession_queue)
           + (SELECT count(*) FROM breakdown_queue) AS queue,
         (SELECT count(*) FROM command_inbox) AS commands_waiting,
         (SELECT count(*) FROM command_refusal) AS commands_refused,
         (SELECT count(*) FROM stuck) AS stuck;

-- A ride is free by a breakdown that is there.
CREATE OR REPLACE VIEW published_reconciliation AS
  WITH net AS (
    -- What a tap's postings, taken together, brought its carrier.
    SELECT tap_id, sum(CASE WHEN reverses IS NULL THEN amount_minor ELSE -amount_minor END) AS amount_minor
    FROM posting WHERE tap_id IS NOT NULL GROUP BY tap_id)
  SELECT 'taps-without-decision' AS check_name, count(*) AS amount
    FROM tap t WHERE NOT EXISTS (SELECT FROM decision d WHERE d.tap_id = t.tap_id)
  UNION ALL
  SELECT 'decisions-without-tap', count(*)
    FROM decision d WHERE NOT EXISTS (SELECT FROM tap t WHERE t.tap_id = d.tap_id)
  UNION ALL
  SELECT 'withdrawn-and-not-taken-up', count(*) FROM latest_decision WHERE kind = 'withdrawn'
  UNION ALL
  SELECT 'taps-whose-postings-differ', count(*)
    FROM latest_decision d FULL JOIN net USING (tap_id)
    WHERE coalesce(net.amount_minor, 0) IS DISTINCT FROM coalesce(d.rider_minor + d.concession_minor, 0)
  UNION ALL
  SELECT 'postings-without-decision', count(*)
    FROM posting p WHERE p.tap_id IS NOT NULL
     AND NOT EXISTS (SELECT FROM decision d WHERE d.tap_id = p.tap_id AND d.revision = p.revision)
  UNION ALL
  SELECT 'reversals-without-original', count(*)
    FROM posting r WHERE r.reverses IS NOT NULL
     AND NOT EXISTS (SELECT FROM posting p WHERE p.posting_id = r.reverses AND p.debit_account = r.credit_account
                      AND p.credit_account = r.debit_account AND p.amount_minor = r.amount_minor
                      AND p.currency = r.currency)
  UNION ALL
  SELECT 'credits-without-posting', count(*)
    FROM wallet_credit c WHERE NOT EXISTS (SELECT FROM posting p WHERE p.posting_id = 'credit:' || c.credit_id
                      AND p.amount_minor = c.amount_minor AND p.currency = c.currency)
  UNION ALL
  SELECT 'decisions-without-audit-leaf', (SELECT count(*) FROM decision)
    - (SELECT count(*) FROM audit_leaf WHERE kind = 'decision')
  UNION ALL
  SELECT 'breakdown-rides-without-breakdown', count(*)
    FROM latest_decision d WHERE d.breakdown_id IS NOT NULL
     AND NOT EXISTS (SELECT FROM breakdown b WHERE b.record_id = d.breakdown_id);

GRANT SELECT, INSERT ON breakdown TO fare_runtime;
GRANT SELECT ON breakdown TO auditor_runtime;
GRANT SELECT, INSERT, DELETE ON breakdown_queue TO fare_runtime;
GRANT SELECT ON published_breakdown TO fare_runtime, portal_runtime, auditor_runtime;
