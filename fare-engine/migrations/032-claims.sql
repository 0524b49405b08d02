-- Compensation claims: what a budget is asked to pay a carrier for the concession rides of a settled month.
CREATE TABLE claim_draft (
  period text COLLATE "C" PRIMARY KEY REFERENCES settlement,
  -- The command that drafted them; from it tap references are made.
  draft_id uuid NOT NULL UNIQUE,
  who text NOT NULL,
  -- Rides that no claim has, and why.
  left_out json NOT NULL,
  known_from_ms bigint NOT NULL
);
COMMENT ON TABLE claim_draft IS 'fact: the claims of a month were drafted';

CREATE TABLE claim (
  claim_id text COLLATE "C" PRIMARY KEY,
  period text COLLATE "C" NOT NULL REFERENCES claim_draft,
  carrier_id text COLLATE "C" NOT NULL,
  funding_id text COLLATE "C" NOT NULL,
  currency text NOT NULL,
  UNIQUE (period, carrier_id, funding_id, currency)
);
COMMENT ON TABLE claim IS 'fact: a claim of one carrier against one payer';

-- Exact bytes; never changed, only followed.
CREATE TABLE claim_version (
  claim_id text COLLATE "C" NOT NULL REFERENCES claim,
  version int NOT NULL CHECK (version > 0),
  bytes text NOT NULL,
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  who text NOT NULL,
  known_from_ms bigint NOT NULL,
  PRIMARY KEY (claim_id, version),
  CHECK (sha256 = sha256(convert_to(bytes, 'UTF8')))
);
COMMENT ON TABLE claim_version IS 'fact: a version of a claim';

-- Each decision comes into at most one claim, and is taken back by at most one.
CREATE TABLE claim_tap (
  tap_id text COLLATE "C" NOT NULL,
  revision int NOT NULL,
  direction smallint NOT NULL CHECK (direction IN (1, -1)),
  claim_id text COLLATE "C" NOT NULL REFERENCES claim,
  line_id text COLLATE "C" NOT NULL,
  -- How the tap is called outside: no device and no number of a journal.
  tap_ref text COLLATE "C" NOT NULL,
  -- The claim that it takes back from.
  corrects_claim_id text COLLATE "C",
  compensation_id text,
  package_hash text,
  units_per_minor bigint NOT NULL CHECK (units_per_minor > 0),
  units bigint NOT NULL,
  funded_units bigint NOT NULL,
  reason text,
  PRIMARY KEY (tap_id, revision, direction)
);
CREATE INDEX claim_tap_claim ON claim_tap (claim_id, line_id);
CREATE UNIQUE INDEX claim_tap_ref ON claim_tap (claim_id, tap_ref, direction, revision);
COMMENT ON TABLE claim_tap IS 'fact: a decision in a claim';

CREATE TABLE claim_step (
  step_id uuid PRIMARY KEY,
  claim_id text COLLATE "C" NOT NULL,
  version int NOT NULL,
  step text NOT NULL CHECK (step IN ('submitted', 'agreed')),
  side text NOT NULL CHECK (side IN ('department', 'carrier')),
  who text NOT NULL,
  known_from_ms bigint NOT NULL,
  FOREIGN KEY (claim_id, version) REFERENCES claim_version,
  UNIQUE (claim_id, version, step, side)
);
COMMENT ON TABLE claim_step IS 'fact: a claim was submitted, or a side agreed to it';

CREATE TABLE claim_objection (
  objection_id uuid PRIMARY KEY,
  claim_id text COLLATE "C" NOT NULL,
  version int NOT NULL,
  side text NOT NULL CHECK (side IN ('department', 'carrier')),
  line_id text COLLATE "C" NOT NULL,
  tap_ref text COLLATE "C",
  reason text NOT NULL,
  words text NOT NULL,
  who text NOT NULL,
  known_from_ms bigint NOT NULL,
  FOREIGN KEY (claim_id, version) REFERENCES claim_version
);
CREATE INDEX claim_objection_claim ON claim_objection (claim_id);
COMMENT ON TABLE claim_objection IS 'fact: a side objects to a line or a tap of a claim';

CREATE TABLE claim_answer (
  objection_id uuid PRIMARY KEY REFERENCES claim_objection,
  accepted boolean NOT NULL,
  words text NOT NULL,
  -- Where it is corrected, and by how much.
  remedy text CHECK (remedy IN ('new-version', 'next-month')),
  correction_minor bigint,
  who text NOT NULL,
  known_from_ms bigint NOT NULL,
  CHECK (accepted = (remedy IS NOT NULL) AND accepted = (correction_minor IS NOT NULL))
);
COMMENT ON TABLE claim_answer IS 'fact: the other side answered an objection';

-- A correction is counted in one claim.
CREATE TABLE claim_correction (
  objection_id uuid PRIMARY KEY REFERENCES claim_answer,
  claim_id text COLLATE "C" NOT NULL,
  version int NOT NULL,
  FOREIGN KEY (claim_id, version) REFERENCES claim_version
);
COMMENT ON TABLE claim_correction IS 'fact: what an objection brought is counted in this version';

CREATE VIEW published_claim AS
  SELECT c.claim_id, c.period, c.carrier_id, c.funding_id, c.currency, v.version, encode(v.sha256, 'hex') AS sha256,
         v.who AS made_by, v.known_from_ms AS made_at_ms, v.bytes AS claim,
         (v.bytes::json->>'rides')::bigint AS rides, (v.bytes::json->>'claimedMinor')::bigint AS claimed_minor,
         (v.bytes::json->>'unfundedMinor')::bigint AS unfunded_minor,
         CASE WHEN s.agreed = 2 THEN 'agreed' WHEN o.waiting > 0 THEN 'objected' WHEN s.agreed = 1 THEN 'agreed-by-one'
              WHEN o.objections > 0 THEN 'answered' WHEN s.submitted > 0 THEN 'submitted' ELSE 'drafted' END AS state,
         o.objections, o.waiting AS objections_waiting
  FROM claim c
  JOIN LATERAL (SELECT * FROM claim_version w WHERE w.claim_id = c.claim_id ORDER BY version DESC LIMIT 1) AS v ON true
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE step = 'submitted') AS submitted,
           count(*) FILTER (WHERE step = 'agreed' AND t.version = v.version) AS agreed
    FROM claim_step t WHERE t.claim_id = c.claim_id) AS s
  CROSS JOIN LATERAL (
    SELECT count(*) AS objections, count(*) FILTER (WHERE a.objection_id IS NULL) AS waiting
    FROM claim_objection b LEFT JOIN claim_answer a USING (objection_id) WHERE b.claim_id = c.claim_id) AS o;

CREATE VIEW published_claim_objection AS
  SELECT o.objection_id, o.claim_id, o.version, o.side, o.line_id, o.tap_ref, o.reason, o.words, o.who, o.known_from_ms,
         a.accepted, a.words AS answer, a.remedy, a.correction_minor, a.who AS answered_by,
         a.known_from_ms AS answered_at_ms
  FROM claim_objection o LEFT JOIN claim_answer a USING (objection_id);

GRANT SELECT, INSERT ON claim_draft, claim, claim_version, claim_tap, claim_step, claim_objection, claim_answer,
  claim_correction TO fare_runtime;
GRANT SELECT ON claim_draft, claim, claim_version, claim_tap, claim_step, claim_objection, claim_answer, claim_correction
  TO auditor_runtime;
GRANT SELECT ON published_claim, published_claim_objection TO fare_runtime, portal_runtime, auditor_runtime;
