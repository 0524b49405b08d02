-- Facts: what happened and what the city knew of it. Append-only: the runtime role may SELECT and INSERT, nothing else.
-- Every fact has the time from which it holds in the world (valid_…) and the time from which the city knew it
-- (known_from_ms); half-open intervals, UTC milliseconds. The comment on each table names its sort: fact, queue or
-- projection; tests/fare-engine/append-only.test.ts checks the grants against it.

-- An accepted tap. fare_at_ms comes from the record's own clock evidence (facts/fare-at.ts); who and where it belongs
-- to is not stored here: links and assignments say so, and they may become known later.
CREATE TABLE tap (
  tap_id text COLLATE "C" PRIMARY KEY,
  device_id text COLLATE "C" NOT NULL,
  epoch text NOT NULL,
  seq bigint NOT NULL,
  record_sha256 bytea NOT NULL,
  token_id text COLLATE "C" NOT NULL,
  medium_kind text NOT NULL,
  direction text NOT NULL,
  companions smallint NOT NULL,
  fare_day date NOT NULL,
  fare_at_ms bigint NOT NULL,
  uncertainty_ms bigint NOT NULL,
  -- What the device believed; the city's assignments stand above it.
  belief_vehicle_id text,
  belief_route_id text,
  belief_trip_id text,
  stop_id text,
  flags text[] NOT NULL,
  -- When ingest received it: the time from which the tap is known.
  received_at_ms bigint NOT NULL
);
CREATE INDEX tap_token_day ON tap (token_id, fare_day);
CREATE INDEX tap_device_day ON tap (device_id, fare_day);
COMMENT ON TABLE tap IS 'fact: a passenger was let on';

CREATE TABLE refused (
  record_id text COLLATE "C" PRIMARY KEY,
  device_id text NOT NULL,
  reason text NOT NULL,
  token_id text,
  medium_kind text,
  route_id text,
  stop_id text,
  at_ms bigint NOT NULL,
  received_at_ms bigint NOT NULL
);
COMMENT ON TABLE refused IS 'fact: a passenger was not let on; never charged';

CREATE TABLE shift (
  record_id text COLLATE "C" PRIMARY KEY,
  device_id text NOT NULL,
  action text NOT NULL,
  source text NOT NULL,
  vehicle_id text,
  route_id text,
  trip_id text,
  at_ms bigint NOT NULL,
  received_at_ms bigint NOT NULL
);
COMMENT ON TABLE shift IS 'fact: a vehicle began or ended a shift on a route';

CREATE TABLE media_link (
  link_id uuid PRIMARY KEY,
  token_id text COLLATE "C" NOT NULL,
  account_id text COLLATE "C" NOT NULL,
  valid_from_ms bigint NOT NULL,
  valid_until_ms bigint,
  known_from_ms bigint NOT NULL
);
CREATE INDEX media_link_token ON media_link (token_id);
CREATE INDEX media_link_account ON media_link (account_id);
COMMENT ON TABLE media_link IS 'fact: a medium stands for an account during an interval; the latest known wins';

CREATE TABLE entitlement (
  entitlement_id text COLLATE "C" PRIMARY KEY,
  account_id text COLLATE "C" NOT NULL,
  concession_id text NOT NULL,
  valid_from_ms bigint NOT NULL,
  valid_until_ms bigint,
  known_from_ms bigint NOT NULL
);
CREATE INDEX entitlement_account ON entitlement (account_id);
COMMENT ON TABLE entitlement IS 'fact: a person has a right to a concession';

CREATE TABLE entitlement_revocation (
  revocation_id uuid PRIMARY KEY,
  entitlement_id text COLLATE "C" NOT NULL REFERENCES entitlement,
  valid_until_ms bigint NOT NULL,
  known_from_ms bigint NOT NULL
);
CREATE INDEX entitlement_revocation_entitlement ON entitlement_revocation (entitlement_id);
COMMENT ON TABLE entitlement_revocation IS 'fact: an entitlement ends earlier than it said';

CREATE TABLE pass_holding (
  pass_id text COLLATE "C" PRIMARY KEY,
  account_id text COLLATE "C" NOT NULL,
  fare_product_id text NOT NULL,
  valid_from_ms bigint NOT NULL,
  valid_until_ms bigint,
  known_from_ms bigint NOT NULL
);
CREATE INDEX pass_holding_account ON pass_holding (account_id);
COMMENT ON TABLE pass_holding IS 'fact: an account holds a pass';

CREATE TABLE device_assignment (
  assignment_id uuid PRIMARY KEY,
  device_id text COLLATE "C" NOT NULL,
  vehicle_id text NOT NULL,
  carrier_id text NOT NULL,
  route_id text,
  trip_id text,
  valid_from_ms bigint NOT NULL,
  valid_until_ms bigint,
  known_from_ms bigint NOT NULL
);
CREATE INDEX device_assignment_device ON device_assignment (device_id, valid_from_ms);
COMMENT ON TABLE device_assignment IS 'fact: a device rides on a vehicle of a carrier, on a route; the latest known wins';

-- Closes its fare day and every earlier one that is still open.
CREATE TABLE close (
  fare_day date PRIMARY KEY,
  known_from_ms bigint NOT NULL
);
COMMENT ON TABLE close IS 'fact: the books of a fare day were closed; non-tap facts known later do not change it';

CREATE TABLE wallet_credit (
  credit_id text COLLATE "C" PRIMARY KEY,
  account_id text COLLATE "C" NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  currency text NOT NULL,
  source text NOT NULL,
  known_from_ms bigint NOT NULL
);
CREATE INDEX wallet_credit_account ON wallet_credit (account_id);
COMMENT ON TABLE wallet_credit IS 'fact: a wallet was topped up; its id is the idempotency key of the payment';

CREATE TABLE deny_entry (
  entry_id uuid PRIMARY KEY,
  token_id text COLLATE "C" NOT NULL,
  action text NOT NULL CHECK (action IN ('deny', 'allow')),
  reason text,
  scope text,
  valid_from_ms bigint NOT NULL,
  valid_until_ms bigint,
  known_from_ms bigint NOT NULL
);
CREATE INDEX deny_entry_token ON deny_entry (token_id, known_from_ms);
CREATE INDEX deny_entry_known ON deny_entry (known_from_ms);
COMMENT ON TABLE deny_entry IS 'fact: a medium is denied or allowed again; the latest known wins';

CREATE TABLE tariff_activation (
  package_hash text PRIMARY KEY,
  version_id text NOT NULL,
  names jsonb NOT NULL,
  valid_from_ms bigint NOT NULL,
  known_from_ms bigint NOT NULL
);
COMMENT ON TABLE tariff_activation IS 'fact: a tariff package of this hash prices from a date on';
