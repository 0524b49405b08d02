-- What inspectors found and what issuing stations did. Neither is ever a charge.
CREATE TABLE inspection_check (
  record_id text COLLATE "C" PRIMARY KEY,
  device_id text NOT NULL,
  result text NOT NULL,
  reason text,
  -- What the result stands on: card-log, vehicle or none.
  evidence text NOT NULL,
  token_id text COLLATE "C",
  medium_kind text,
  vehicle_id text,
  route_id text,
  stop_id text,
  staff_id text NOT NULL,
  ride jsonb,
  validators jsonb,
  -- The protocol as it was prepared; fare, factor, penalty, act and article are the tariff's of then.
  protocol_number text,
  fare_minor bigint,
  factor integer,
  penalty_minor bigint,
  currency text,
  act text,
  article text,
  package_hash text,
  at_ms bigint NOT NULL,
  received_at_ms bigint NOT NULL
);
CREATE INDEX inspection_check_token ON inspection_check (token_id, at_ms);
CREATE INDEX inspection_check_protocol ON inspection_check (protocol_number) WHERE protocol_number IS NOT NULL;
COMMENT ON TABLE inspection_check IS 'fact: an inspector checked a medium; never charged';

CREATE TABLE card_act (
  record_id text COLLATE "C" PRIMARY KEY,
  device_id text NOT NULL,
  act text NOT NULL,
  token_id text COLLATE "C" NOT NULL,
  card_kind text NOT NULL,
  staff_id text NOT NULL,
  replaces_token_id text COLLATE "C",
  key_version smallint NOT NULL,
  batch text,
  -- Whether the device was an issuing station then: what another one says of cards is kept and has no effect.
  authorised boolean NOT NULL,
  at_ms bigint NOT NULL,
  received_at_ms bigint NOT NULL
);
CREATE INDEX card_act_token ON card_act (token_id);
COMMENT ON TABLE card_act IS 'fact: an issuing station did something with a card';

CREATE TABLE issuing_station (
  station_id uuid PRIMARY KEY,
  device_id text COLLATE "C" NOT NULL,
  allowed boolean NOT NULL,
  valid_from_ms bigint NOT NULL,
  valid_until_ms bigint,
  known_from_ms bigint NOT NULL
);
CREATE INDEX issuing_station_device ON issuing_station (device_id, known_from_ms);
COMMENT ON TABLE issuing_station IS 'fact: a device may issue and replace cards, or may no more; the latest known wins';

GRANT SELECT, INSERT ON inspection_check, card_act, issuing_station TO fare_runtime;
GRANT SELECT ON inspection_check, card_act, issuing_station TO auditor_runtime;
