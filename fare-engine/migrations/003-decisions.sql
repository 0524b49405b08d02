-- What the engine made of the facts: projections that can be rebuilt, and the append-only decisions, postings and
-- audit leaves.

-- One row per account: the lock under which it is priced. version grows with each transaction that touched it.
CREATE TABLE account (
  account_id text COLLATE "C" PRIMARY KEY,
  -- Set for an account derived from a medium that nobody linked.
  derived_token_id text COLLATE "C",
  version bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE account IS 'projection: accounts and their lock';

CREATE TABLE account_day (
  account_id text COLLATE "C" NOT NULL,
  fare_day date NOT NULL,
  state_in text NOT NULL,
  state_out text NOT NULL,
  -- The same states without taps that came too late to be charged; null where they do not differ (close-day.ts).
  base_in text,
  base_out text,
  account_version bigint NOT NULL,
  PRIMARY KEY (account_id, fare_day)
) WITH (fillfactor = 70);
CREATE INDEX account_day_day ON account_day (fare_day);
COMMENT ON TABLE account_day IS 'projection: the carried state of each priced account-day';

-- The price of one tap, with every step. A later revision supersedes; none is ever changed.
CREATE TABLE decision (
  tap_id text COLLATE "C" NOT NULL,
  revision int NOT NULL CHECK (revision > 0),
  -- The revision it takes the place of.
  supersedes int CHECK (supersedes = revision - 1),
  account_id text COLLATE "C" NOT NULL,
  account_version bigint NOT NULL,
  fare_day date NOT NULL,
  kind text NOT NULL,
  package_hash text,
  fare_media_id text,
  fare_product_id text,
  rider_category_id text,
  network_id text,
  vehicle_id text,
  carrier_id text,
  route_id text,
  currency text NOT NULL,
  gross_minor bigint NOT NULL,
  rider_minor bigint NOT NULL,
  transfer_minor bigint NOT NULL,
  concession_minor bigint NOT NULL,
  pass_minor bigint NOT NULL,
  cap_minor bigint NOT NULL,
  -- Part of rider_minor that came too late to be charged.
  loss_minor bigint NOT NULL,
  concession_id text,
  funding_id text,
  claim_ride boolean NOT NULL,
  -- Exact text; its SHA-256 stands in the audit leaf.
  steps json NOT NULL,
  line_sha256 bytea NOT NULL,
  -- The revision whose postings stand for this decision; itself, or an earlier one when no amount moved.
  posted_revision int NOT NULL,
  -- Set when the fare day was closed already: the close that this adjustment refers to.
  adjusts_close date,
  decided_at_ms bigint NOT NULL,
  PRIMARY KEY (tap_id, revision),
  CHECK (gross_minor = rider_minor + transfer_minor + concession_minor + pass_minor + cap_minor),
  CHECK (loss_minor BETWEEN 0 AND rider_minor)
);
CREATE INDEX decision_account_day ON decision (account_id, fare_day);
CREATE INDEX decision_decided ON decision (decided_at_ms);
COMMENT ON TABLE decision IS 'fact: what a tap costs and why';

-- Double entry, one row a posting: zero by construction. posting_id is derived from what it is for, so it is its own
-- idempotency key: the same posting cannot be made twice.
CREATE TABLE posting (
  posting_id text COLLATE "C" PRIMARY KEY,
  debit_account text COLLATE "C" NOT NULL,
  credit_account text COLLATE "C" NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  -- For a charge: the tap and the revision of its decision.
  tap_id text COLLATE "C",
  revision int,
  -- For anything else: what it comes from, e.g. credit:<id>.
  source text,
  -- The posting that this one undoes.
  reverses text COLLATE "C",
  posted_at_ms bigint NOT NULL,
  CHECK (debit_account <> credit_account),
  CHECK ((tap_id IS NULL) = (revision IS NULL)),
  CHECK ((tap_id IS NULL) <> (source IS NULL))
);
-- A posting is undone at most once.
CREATE UNIQUE INDEX posting_reverses ON posting (reverses) WHERE reverses IS NOT NULL;
COMMENT ON TABLE posting IS 'fact: an amount moved from one account to another';

-- Unsequenced leaves of the audit log: written in the transaction of what they witness, numbered afterwards.
CREATE TABLE audit_leaf (
  leaf_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  ref text NOT NULL,
  bytes text NOT NULL,
  sha256 bytea NOT NULL
);
COMMENT ON TABLE audit_leaf IS 'fact: exact bytes that the audit log will carry';

CREATE TABLE command_accepted (
  idempotency_key text COLLATE "C" PRIMARY KEY,
  command_id uuid NOT NULL,
  kind text NOT NULL,
  input_sha256 bytea NOT NULL,
  submitted_by text NOT NULL,
  known_from_ms bigint NOT NULL
);
COMMENT ON TABLE command_accepted IS 'fact: a command was obeyed; the same key with other inputs is refused';

CREATE TABLE command_refusal (
  refusal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  command_id uuid NOT NULL,
  kind text NOT NULL,
  payload jsonb NOT NULL,
  submitted_by text NOT NULL,
  reason text NOT NULL,
  detail text NOT NULL,
  refused_at_ms bigint NOT NULL
);
COMMENT ON TABLE command_refusal IS 'fact: a command was refused, and why';

-- Deny list: the set that was published as version (generation, n).
CREATE TABLE deny_list (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  generation int NOT NULL CHECK (generation > 0),
  n int NOT NULL CHECK (n >= 0),
  -- Facts known from here on have not all been looked at yet.
  seen_known_ms bigint NOT NULL DEFAULT -9000000000000000,
  -- What is retained at the broker: the snapshot, and the deltas after it.
  snapshot_n int NOT NULL DEFAULT 0,
  snapshot_chunks int NOT NULL DEFAULT 0
);
INSERT INTO deny_list (generation, n) VALUES (1, 0);
COMMENT ON TABLE deny_list IS 'projection: current version of the published deny list';

CREATE TABLE deny_published (
  token_id text COLLATE "C" PRIMARY KEY,
  entry json NOT NULL,
  valid_until_ms bigint
);
CREATE INDEX deny_published_until ON deny_published (valid_until_ms) WHERE valid_until_ms IS NOT NULL;
COMMENT ON TABLE deny_published IS 'projection: entries of the published deny list';

-- First instant that no fact known so far uses: facts of later commands are known strictly later.
CREATE TABLE known_clock (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  after_ms bigint NOT NULL
);
INSERT INTO known_clock (after_ms) VALUES (-9000000000000000);
COMMENT ON TABLE known_clock IS 'projection: lower bound of the next known_from_ms';
