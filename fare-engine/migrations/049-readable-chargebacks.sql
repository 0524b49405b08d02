-- What a chargeback without its form was, by a named person: nothing, or one that is taken under its number.
CREATE TABLE bank_malformed_end (
  acquirer_id text COLLATE "C" NOT NULL,
  sha256 text COLLATE "C" NOT NULL,
  -- NULL = nothing was taken back, or it has come once more in a form that could be read.
  n bigint,
  reason text NOT NULL,
  said_by text NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (acquirer_id, sha256),
  FOREIGN KEY (acquirer_id, sha256) REFERENCES bank_malformed_chargeback,
  FOREIGN KEY (acquirer_id, n) REFERENCES bank_chargeback
);
COMMENT ON TABLE bank_malformed_end IS 'fact: what a chargeback was that could not be read';
GRANT SELECT, INSERT ON bank_malformed_end TO fare_runtime;
GRANT SELECT ON bank_malformed_end TO auditor_runtime;

-- How often in a row a card's bank has declined refunds is known however many payments came after them.
CREATE INDEX bank_payment_refund ON bank_payment (token_id, made_at_ms DESC) WHERE kind = 'refund';
