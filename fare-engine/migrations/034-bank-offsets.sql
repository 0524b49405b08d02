-- Days and accounts of a card whose differences make up for each other are written down as an offset, or they would be
-- forgotten; what a bank takes back is kept as it said it, and may be a part; what the acquirer does not take waits for a person.
ALTER TABLE bank_payment
  DROP CONSTRAINT bank_payment_kind_check, DROP CONSTRAINT bank_payment_check, DROP CONSTRAINT bank_payment_check1,
  ADD CONSTRAINT bank_payment_kind_check CHECK (kind IN ('nominal', 'charge', 'refund', 'offset')),
  ADD CONSTRAINT bank_payment_refunds_check CHECK (
    CASE kind WHEN 'refund' THEN refunds IS NOT NULL WHEN 'offset' THEN (amount_minor > 0) = (refunds IS NOT NULL)
      ELSE refunds IS NULL END),
  ADD CONSTRAINT bank_payment_nothing_check CHECK (kind IN ('nominal', 'offset') OR amount_minor > 0);

ALTER TABLE bank_event
  DROP CONSTRAINT bank_event_kind_check,
  ADD CONSTRAINT bank_event_kind_check CHECK (kind IN ('asked', 'approved', 'declined', 'cleared', 'refunded', 'held',
    'released', 'paid', 'charged-back', 'lowered', 'written-off', 'withdrawn', 'settled', 'refused', 'resumed'));

-- How often the acquirer would not take the request, in a row.
ALTER TABLE bank_work ADD COLUMN refusals int NOT NULL DEFAULT 0;

-- Payments of which something is owed, however long ago they were made.
CREATE TABLE bank_debt (
  payment_id text COLLATE "C" PRIMARY KEY REFERENCES bank_payment,
  token_id text COLLATE "C" NOT NULL
);
CREATE INDEX bank_debt_token ON bank_debt (token_id);
COMMENT ON TABLE bank_debt IS 'projection: payments of bank cards of which something is owed';

-- What banks have taken back, as the acquirer said it.
CREATE TABLE bank_chargeback (
  acquirer_id text COLLATE "C" NOT NULL,
  n int NOT NULL CHECK (n > 0),
  reference text COLLATE "C" NOT NULL,
  code text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  -- Whose debt it became.
  payment_id text COLLATE "C" REFERENCES bank_payment,
  -- Why it is nobody's debt.
  problem text CHECK (problem IN ('unknown', 'currency', 'too-much', 'nothing')),
  at_ms bigint NOT NULL,
  PRIMARY KEY (acquirer_id, n),
  CHECK ((payment_id IS NULL) = (problem IS NOT NULL))
);
COMMENT ON TABLE bank_chargeback IS 'fact: what a bank has taken back';

INSERT INTO bank_debt (payment_id, token_id)
SELECT p.payment_id, p.token_id FROM bank_payment p CROSS JOIN LATERAL (
  SELECT e.kind FROM bank_event e WHERE e.payment_id = p.payment_id ORDER BY e.n DESC LIMIT 1) AS last
 WHERE p.kind = 'charge' AND last.kind IN ('declined', 'charged-back', 'held', 'released', 'written-off');

INSERT INTO bank_chargeback (acquirer_id, n, reference, code, amount_minor, currency, payment_id, at_ms)
SELECT DISTINCT ON (acquirer, e.key) s.acquirer, e.key::int, coalesce(e.reference, ''), coalesce(e.code, ''),
       p.amount_minor, p.currency, e.payment_id, e.at_ms
  FROM bank_event e JOIN bank_payment p USING (payment_id)
  CROSS JOIN LATERAL (SELECT substring(account FROM 10) AS acquirer FROM posting q
    CROSS JOIN LATERAL (VALUES (q.debit_account), (q.credit_account)) AS a (account)
    WHERE q.posting_id = 'bank:' || e.payment_id || '.' || e.n || '.1' AND account LIKE 'clearing:%') AS s
 WHERE e.kind = 'charged-back' AND e.key IS NOT NULL;

GRANT SELECT, INSERT ON bank_chargeback TO fare_runtime;
GRANT SELECT ON bank_chargeback, bank_debt, bank_work TO auditor_runtime;
GRANT SELECT, INSERT, DELETE ON bank_debt TO fare_runtime;
