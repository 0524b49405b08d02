-- Acquirers number chargebacks as they like: up to what JSON carries exactly.
ALTER TABLE bank_chargeback ALTER COLUMN n TYPE bigint;

-- Chargebacks without their form: kept by name, so that those after them are taken and a person asks for these.
CREATE TABLE bank_malformed_chargeback (
  acquirer_id text COLLATE "C" NOT NULL,
  -- Of its bytes.
  sha256 text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  n bigint CHECK (n > 0),
  problem text NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (acquirer_id, sha256)
);
COMMENT ON TABLE bank_malformed_chargeback IS 'fact: what an acquirer said of a chargeback cannot be read';
GRANT SELECT, INSERT ON bank_malformed_chargeback TO fare_runtime;
GRANT SELECT ON bank_malformed_chargeback TO auditor_runtime;

-- The portal hands in no command: it has its functions for debts, and nothing else of it writes.
REVOKE INSERT ON command_inbox FROM portal_runtime;
