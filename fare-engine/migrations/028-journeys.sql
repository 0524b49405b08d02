-- A validator that serves both ways cannot know which way a passenger went: then the tap's record does not say.
ALTER TABLE tap ALTER COLUMN direction DROP NOT NULL;
-- "I forgot to tap out": what passengers told of how journeys ended, and what became of it. Pricing reads journey_repair alone.
CREATE TABLE repair_request (
  repair_id uuid PRIMARY KEY,
  tap_id text COLLATE "C" NOT NULL UNIQUE,
  -- Whose it was when it was asked for.
  account_id text COLLATE "C" NOT NULL,
  stop_id text COLLATE "C" NOT NULL,
  at_ms bigint NOT NULL,
  -- What the journey cost the rider when it was asked for.
  charged_minor bigint NOT NULL,
  -- Why an operator has to decide; NULL = granted by the tariff's rule.
  queued_for text CHECK (queued_for IN ('NO_RULE', 'LATE', 'OFTEN', 'AMOUNT')),
  asked_by text NOT NULL,
  known_from_ms bigint NOT NULL
);
CREATE INDEX repair_request_account ON repair_request (account_id, known_from_ms);
COMMENT ON TABLE repair_request IS 'fact: a passenger told how a journey ended';

CREATE TABLE repair_decision (
  repair_id uuid PRIMARY KEY REFERENCES repair_request,
  verdict text NOT NULL CHECK (verdict IN ('granted', 'refused')),
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  -- A person, by name.
  decided_by text NOT NULL,
  known_from_ms bigint NOT NULL
);
COMMENT ON TABLE repair_decision IS 'fact: an operator decided a request that no rule granted';

CREATE TABLE journey_repair (
  repair_id uuid PRIMARY KEY REFERENCES repair_request,
  tap_id text COLLATE "C" NOT NULL,
  stop_id text COLLATE "C" NOT NULL,
  at_ms bigint NOT NULL,
  known_from_ms bigint NOT NULL
);
CREATE INDEX journey_repair_tap ON journey_repair (tap_id);
COMMENT ON TABLE journey_repair IS 'fact: the end of a journey as the passenger told it and it was granted';

-- Every request with where it stands, and what the journey costs now.
CREATE VIEW published_repair AS
  SELECT r.repair_id, r.tap_id, r.account_id, d.fare_day, d.network_id, r.stop_id, r.at_ms, r.asked_by,
         r.known_from_ms AS asked_at_ms, r.queued_for, r.charged_minor, d.rider_minor AS charged_now_minor, d.currency,
         CASE WHEN r.queued_for IS NULL THEN 'granted' ELSE coalesce(x.verdict, 'queued') END AS state,
         r.queued_for IS NULL AS by_rule, x.reason AS decision_reason, x.decided_by,
         CASE WHEN r.queued_for IS NULL THEN r.known_from_ms ELSE x.known_from_ms END AS decided_at_ms
  FROM repair_request r
  LEFT JOIN repair_decision x USING (repair_id)
  LEFT JOIN latest_decision d ON d.tap_id = r.tap_id;

GRANT SELECT, INSERT ON repair_request, repair_decision, journey_repair TO fare_runtime;
GRANT SELECT ON repair_request, repair_decision, journey_repair TO auditor_runtime;
GRANT SELECT ON published_repair TO fare_runtime, portal_runtime, auditor_runtime;
