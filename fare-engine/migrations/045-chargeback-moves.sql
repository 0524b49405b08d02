-- Whose a chargeback is that fitted no payment, by a named person.
CREATE TABLE bank_chargeback_move (
  acquirer_id text COLLATE "C" NOT NULL,
  n bigint NOT NULL,
  moved text NOT NULL CHECK (moved IN ('payment', 'loss', 'acquirer')),
  payment_id text COLLATE "C" REFERENCES bank_payment,
  reason text NOT NULL,
  said_by text NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (acquirer_id, n),
  FOREIGN KEY (acquirer_id, n) REFERENCES bank_chargeback,
  CHECK ((moved = 'payment') = (payment_id IS NOT NULL))
);
COMMENT ON TABLE bank_chargeback_move IS 'fact: whose a chargeback is that fitted no payment';
GRANT SELECT, INSERT ON bank_chargeback_move TO fare_runtime;
GRANT SELECT ON bank_chargeback_move TO auditor_runtime;
