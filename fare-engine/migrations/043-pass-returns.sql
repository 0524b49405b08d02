-- A pass or carnet that was given back: it covers no ride from that instant on. Its price is what came back, the fee, and what was used.
CREATE TABLE pass_return (
  pass_id text COLLATE "C" PRIMARY KEY REFERENCES pass_holding,
  valid_until_ms bigint NOT NULL,
  refund_minor bigint NOT NULL CHECK (refund_minor > 0),
  fee_minor bigint NOT NULL CHECK (fee_minor >= 0),
  used_minor bigint NOT NULL CHECK (used_minor >= 0),
  currency text NOT NULL,
  -- Account of the ledger: a till, or the holder.
  paid_to text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  -- A person, by name.
  said_by text NOT NULL,
  known_from_ms bigint NOT NULL
);
COMMENT ON TABLE pass_return IS 'fact: a pass or carnet was given back';

-- What pricing reads: holdings, with the end that a return gave them.
CREATE VIEW held_pass AS
  SELECT h.pass_id, h.account_id, h.fare_product_id, h.valid_from_ms,
         least(h.valid_until_ms, r.valid_until_ms) AS valid_until_ms, h.known_from_ms
  FROM pass_holding h LEFT JOIN pass_return r USING (pass_id);

GRANT SELECT, INSERT ON pass_return TO fare_runtime;
GRANT SELECT ON pass_return TO auditor_runtime;
GRANT SELECT ON held_pass TO fare_runtime, auditor_runtime;
