-- What an auditor's rules found in the facts of a period, and what people made of it. A finding changes no price and denies no
-- card. No account and no token stands here: taps say whose they are to those who may read them.
CREATE TABLE anomaly_finding (
  -- Hash of all that stands below, so that the same finding is found once.
  finding_id text COLLATE "C" PRIMARY KEY,
  -- Hash of rule, days and subjects: with other evidence, or under other parameters, the later known stands.
  about_id text COLLATE "C" NOT NULL,
  rule_id text NOT NULL,
  -- Hash of the parameters under which it was found (cities/<city>/anomalies.yaml).
  params_sha256 bytea NOT NULL CHECK (octet_length(params_sha256) = 32),
  -- Fare days, the last one exclusive.
  from_day date NOT NULL,
  until_day date NOT NULL,
  -- Taps concerned; anomaly_tap names a hundred at most.
  taps int NOT NULL CHECK (taps >= 0),
  device_id text,
  vehicle_id text,
  route_id text,
  carrier_id text,
  concession_id text,
  severity text NOT NULL CHECK (severity IN ('low', 'medium', 'high')),
  -- How far beyond the rule's threshold: 1000 = just at it.
  score_permille bigint NOT NULL CHECK (score_permille >= 1000),
  -- The numbers it stands on, measured and threshold, units in their names.
  evidence jsonb NOT NULL,
  said_by text NOT NULL,
  known_from_ms bigint NOT NULL,
  CHECK (from_day < until_day)
);
CREATE INDEX anomaly_finding_about ON anomaly_finding (about_id, known_from_ms);
CREATE INDEX anomaly_finding_day ON anomaly_finding (from_day);
COMMENT ON TABLE anomaly_finding IS 'fact: a rule found something that a person should look at; never a charge, never a denial';

CREATE TABLE anomaly_tap (
  finding_id text COLLATE "C" NOT NULL REFERENCES anomaly_finding,
  tap_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (finding_id, tap_id)
);
CREATE INDEX anomaly_tap_tap ON anomaly_tap (tap_id);
COMMENT ON TABLE anomaly_tap IS 'fact: a tap that a finding speaks of';

CREATE TABLE anomaly_review (
  review_id uuid PRIMARY KEY,
  finding_id text COLLATE "C" NOT NULL REFERENCES anomaly_finding,
  verdict text NOT NULL CHECK (verdict IN ('confirmed', 'dismissed')),
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  said_by text NOT NULL,
  known_from_ms bigint NOT NULL
);
CREATE INDEX anomaly_review_finding ON anomaly_review (finding_id, known_from_ms);
COMMENT ON TABLE anomaly_review IS 'fact: a person confirmed or dismissed a finding; the latest known stands';

-- The findings that stand: of those about the same the one known last.
CREATE VIEW standing_anomaly AS
  SELECT f.*, r.verdict, r.reason AS verdict_reason, r.said_by AS reviewed_by, r.known_from_ms AS reviewed_at_ms
  FROM anomaly_finding f
  LEFT JOIN LATERAL (
    SELECT * FROM anomaly_review r WHERE r.finding_id = f.finding_id
     ORDER BY r.known_from_ms DESC, r.review_id DESC LIMIT 1) AS r ON true
  WHERE NOT EXISTS (SELECT FROM anomaly_finding n WHERE n.about_id = f.about_id
     AND (n.known_from_ms, n.finding_id) > (f.known_from_ms, f.finding_id));

-- One row for each tap of a finding that stands; a finding without taps (a silent validator, a share of a category) has one
-- row with tap_id NULL. Day, carrier and route are those of the tap's latest decision, else those of the finding.
CREATE VIEW published_anomaly AS
  SELECT f.finding_id, f.rule_id, t.tap_id, coalesce(d.fare_day, f.from_day) AS fare_day,
         coalesce(d.carrier_id, f.carrier_id) AS carrier_id, coalesce(d.route_id, f.route_id) AS route_id,
         coalesce(d.vehicle_id, f.vehicle_id) AS vehicle_id, f.device_id,
         coalesce(d.concession_id, f.concession_id) AS concession_id,
         f.from_day, f.until_day, f.taps, f.severity, f.score_permille, f.evidence,
         encode(f.params_sha256, 'hex') AS params_sha256,
         coalesce(f.verdict, 'open') AS verdict, f.verdict_reason, f.reviewed_by, f.reviewed_at_ms,
         f.said_by, f.known_from_ms
  FROM standing_anomaly f
  LEFT JOIN anomaly_tap t USING (finding_id)
  LEFT JOIN latest_decision d ON d.tap_id = t.tap_id;

-- Why a right ended, where that is known: the use of a dead person's card is another matter than that of an expired one.
ALTER TABLE entitlement_revocation ADD COLUMN reason text CHECK (reason IN ('death', 'moved', 'withdrawn', 'error'));

GRANT SELECT, INSERT ON anomaly_finding, anomaly_tap, anomaly_review TO fare_runtime;
GRANT SELECT ON anomaly_finding, anomaly_tap, anomaly_review, standing_anomaly TO auditor_runtime;
GRANT SELECT ON published_anomaly TO fare_runtime, auditor_runtime;
