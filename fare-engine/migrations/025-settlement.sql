-- Settlement of months with carriers. A settlement takes in every charge of a fare day before its end that none before it has
-- taken in; which transactions those are, xact says: it is written while no prices are made.
CREATE TABLE settlement (
  -- YYYY-MM
  period text COLLATE "C" PRIMARY KEY CHECK (period ~ '^[0-9]{4}-(0[1-9]|1[0-2])$'),
  until_day date NOT NULL,
  until_ms bigint NOT NULL,
  -- Who closed it.
  who text NOT NULL,
  -- The package whose rules divided passes and rebates; NULL = none was in force.
  package_hash text,
  -- Rides of nobody's vehicles, and money of passes that nobody rode with.
  rest json NOT NULL,
  -- No charge of a later day was written by an earlier transaction: the next settlement looks no further back.
  floor_xact xid8 NOT NULL,
  known_from_ms bigint NOT NULL,
  xact xid8 NOT NULL DEFAULT pg_current_xact_id()
);
COMMENT ON TABLE settlement IS 'fact: the books of a month were settled with the carriers';

-- How the money of a pass or a cap was divided.
CREATE TABLE settlement_share (
  period text COLLATE "C" NOT NULL REFERENCES settlement,
  kind text NOT NULL CHECK (kind IN ('pass', 'cap')),
  item_id text COLLATE "C" NOT NULL,
  carrier_id text COLLATE "C" NOT NULL,
  currency text NOT NULL,
  method text NOT NULL,
  rides bigint NOT NULL,
  minor bigint NOT NULL,
  PRIMARY KEY (period, kind, item_id, carrier_id, currency)
);
COMMENT ON TABLE settlement_share IS 'fact: a part of the money of a pass or a cap';

-- Exact bytes of what both sides sign.
CREATE TABLE settlement_act (
  period text COLLATE "C" NOT NULL REFERENCES settlement,
  carrier_id text COLLATE "C" NOT NULL,
  bytes text NOT NULL,
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  PRIMARY KEY (period, carrier_id),
  CHECK (sha256 = sha256(convert_to(bytes, 'UTF8')))
);
COMMENT ON TABLE settlement_act IS 'fact: the reconciliation act of a carrier and a month';

CREATE TABLE act_signer (
  signer_id uuid PRIMARY KEY,
  side text NOT NULL CHECK (side IN ('department', 'carrier')),
  carrier_id text COLLATE "C",
  name text NOT NULL,
  scheme text NOT NULL,
  public_key text NOT NULL,
  valid_from_ms bigint NOT NULL,
  valid_until_ms bigint,
  known_from_ms bigint NOT NULL,
  CHECK ((side = 'carrier') = (carrier_id IS NOT NULL))
);
COMMENT ON TABLE act_signer IS 'fact: whose signature counts for a side';

CREATE TABLE act_signature (
  signature_id uuid PRIMARY KEY,
  period text COLLATE "C" NOT NULL,
  carrier_id text COLLATE "C" NOT NULL,
  side text NOT NULL CHECK (side IN ('department', 'carrier')),
  signer_id uuid NOT NULL REFERENCES act_signer,
  -- Of the scheme: whether the law counts it as a signature by hand.
  qualified boolean NOT NULL,
  objections boolean NOT NULL,
  note text,
  signature text NOT NULL,
  known_from_ms bigint NOT NULL,
  FOREIGN KEY (period, carrier_id) REFERENCES settlement_act,
  UNIQUE (period, carrier_id, side)
);
COMMENT ON TABLE act_signature IS 'fact: a side signed an act';

-- A window is read from its own transactions on. BRIN has no operators for xid8, so its number is indexed.
CREATE INDEX decision_xact ON decision USING brin (((xact::text)::bigint)) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX posting_xact ON posting USING brin (((xact::text)::bigint)) WITH (pages_per_range = 32, autosummarize = on);

CREATE VIEW published_settlement AS
  SELECT a.period, a.carrier_id, s.known_from_ms AS closed_at_ms, s.who AS closed_by, encode(a.sha256, 'hex') AS act_sha256,
         CASE count(g.side) WHEN 0 THEN 'drafted' WHEN 1 THEN 'signed-by-one' ELSE 'signed-by-both' END AS state,
         coalesce(bool_or(g.objections), false) AS objections, coalesce(bool_and(g.qualified), false) AS qualified,
         max(g.known_from_ms) FILTER (WHERE g.side = 'department') AS department_signed_at_ms,
         max(g.known_from_ms) FILTER (WHERE g.side = 'carrier') AS carrier_signed_at_ms,
         a.bytes AS act
  FROM settlement_act a JOIN settlement s USING (period) LEFT JOIN act_signature g USING (period, carrier_id)
  GROUP BY a.period, a.carrier_id, s.known_from_ms, s.who, a.sha256, a.bytes;

-- From the signed bytes themselves.
CREATE VIEW published_settlement_line AS
  SELECT a.period, a.carrier_id, s.item->>'currency' AS currency, l.ordinality::int AS line_number,
         l.item->>'kind' AS kind, l.item->>'ref' AS ref, l.item->>'origin' AS origin, (l.item->>'rides')::bigint AS rides,
         (l.item->>'minor')::bigint AS amount_minor
  FROM settlement_act a CROSS JOIN LATERAL json_array_elements(a.bytes::json->'sums') AS s (item)
  CROSS JOIN LATERAL json_array_elements(s.item->'lines') WITH ORDINALITY AS l (item, ordinality);

CREATE VIEW published_settlement_share AS
  SELECT period, kind, item_id, carrier_id, currency, method, rides, minor AS amount_minor FROM settlement_share;

GRANT SELECT, INSERT ON settlement, settlement_share, settlement_act, act_signer, act_signature TO fare_runtime;
GRANT SELECT ON settlement, settlement_share, settlement_act, act_signer, act_signature TO auditor_runtime;
GRANT SELECT ON published_settlement, published_settlement_line, published_settlement_share
  TO fare_runtime, portal_runtime, auditor_runtime;
