-- The ledger at any instant: which transaction wrote a row says what was known when (the audit log's order, 019); what is
-- pending and what is final follows from closes. Rows from before this migration count as known from it on.
ALTER TABLE decision ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE posting ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE close ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();

-- Carriers earn the fare before the cap; what the cap took off stands on rebate:caps. Nothing was released before this.
DO $$ BEGIN
  IF EXISTS (SELECT FROM decision WHERE cap_minor <> 0) THEN
    RAISE EXCEPTION 'this database has fares under caps that were posted without their rebate: begin with an empty one'
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END $$;

-- A reversal undoes exactly what it names. The condition keeps the usual posting free of it.
CREATE FUNCTION refuse_reversal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM fare.posting p WHERE p.posting_id = NEW.reverses AND p.debit_account = NEW.credit_account
    AND p.credit_account = NEW.debit_account AND p.amount_minor = NEW.amount_minor AND p.currency = NEW.currency;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the posting % does not undo %', NEW.posting_id, NEW.reverses USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER reversal_exact AFTER INSERT ON posting FOR EACH ROW
  WHEN (NEW.reverses IS NOT NULL) EXECUTE FUNCTION refuse_reversal();

-- The same command may wait once; the same id with other bytes waits beside it and is refused by its key. The key of the
-- table is where it stands in the queue.
ALTER TABLE command_inbox DROP CONSTRAINT command_inbox_pkey;
DROP INDEX command_inbox_arrival;
ALTER TABLE command_inbox ADD PRIMARY KEY (arrival);
CREATE UNIQUE INDEX command_inbox_once ON command_inbox (command_id, kind, md5(payload::text));

-- Of a charge, the fare day with whose close it becomes final; a reversal goes with what it undoes. NULL = final at once.
CREATE VIEW posting_day AS
  SELECT p.*, d.fare_day
  FROM posting p LEFT JOIN decision d ON d.tap_id = p.tap_id
   AND d.revision = coalesce(substring(p.reverses from '#([0-9]+)\.')::int, p.revision);

-- Riders appear as one sum: what a single person owes is nobody's business here.
CREATE OR REPLACE VIEW published_trial_balance AS
  WITH closed AS (SELECT coalesce(max(fare_day), '-infinity') AS until FROM close),
  side AS (
    SELECT account, currency, debit, credit, coalesce(fare_day > until, false) AS pending
    FROM posting_day CROSS JOIN closed CROSS JOIN LATERAL (
      VALUES (debit_account, amount_minor, 0), (credit_account, 0, amount_minor)) AS s (account, debit, credit))
  SELECT regexp_replace(account, '^rider:.*$', 'rider:*') AS account_id, currency,
         sum(debit)::bigint AS debit_minor, sum(credit)::bigint AS credit_minor,
         sum(debit - credit)::bigint AS balance_minor,
         coalesce(sum(debit) FILTER (WHERE pending), 0)::bigint AS pending_debit_minor,
         coalesce(sum(credit) FILTER (WHERE pending), 0)::bigint AS pending_credit_minor
  FROM side GROUP BY 1, 2;

-- As in 020, with the rebates of caps among a tap's postings.
CREATE OR REPLACE VIEW published_reconciliation AS
  WITH net AS (
    -- What a tap's postings, taken together, brought its carrier.
    SELECT tap_id, sum(CASE WHEN reverses IS NULL THEN amount_minor ELSE -amount_minor END) AS amount_minor
    FROM posting WHERE tap_id IS NOT NULL GROUP BY tap_id)
  SELECT 'taps-without-decision' AS check_name, count(*) AS amount
    FROM tap t WHERE NOT EXISTS (SELECT FROM decision d WHERE d.tap_id = t.tap_id)
  UNION ALL
  SELECT 'decisions-without-tap', count(*)
    FROM decision d WHERE NOT EXISTS (SELECT FROM tap t WHERE t.tap_id = d.tap_id)
  UNION ALL
  SELECT 'withdrawn-and-not-taken-up', count(*) FROM latest_decision WHERE kind = 'withdrawn'
  UNION ALL
  SELECT 'taps-whose-postings-differ', count(*)
    FROM latest_decision d FULL JOIN net USING (tap_id)
    WHERE coalesce(net.amount_minor, 0)
       IS DISTINCT FROM coalesce(d.rider_minor + d.concession_minor + d.cap_minor, 0)
  UNION ALL
  SELECT 'postings-without-decision', count(*)
    FROM posting p WHERE p.tap_id IS NOT NULL
     AND NOT EXISTS (SELECT FROM decision d WHERE d.tap_id = p.tap_id AND d.revision = p.revision)
  UNION ALL
  SELECT 'reversals-without-original', count(*)
    FROM posting r WHERE r.reverses IS NOT NULL
     AND NOT EXISTS (SELECT FROM posting p WHERE p.posting_id = r.reverses AND p.debit_account = r.credit_account
                      AND p.credit_account = r.debit_account AND p.amount_minor = r.amount_minor
                      AND p.currency = r.currency)
  UNION ALL
  SELECT 'credits-without-posting', count(*)
    FROM wallet_credit c WHERE NOT EXISTS (SELECT FROM posting p WHERE p.posting_id = 'credit:' || c.credit_id
                      AND p.amount_minor = c.amount_minor AND p.currency = c.currency)
  UNION ALL
  SELECT 'decisions-without-audit-leaf', (SELECT count(*) FROM decision)
    - (SELECT count(*) FROM audit_leaf WHERE kind = 'decision')
  UNION ALL
  SELECT 'breakdown-rides-without-breakdown', count(*)
    FROM latest_decision d WHERE d.breakdown_id IS NOT NULL
     AND NOT EXISTS (SELECT FROM breakdown b WHERE b.record_id = d.breakdown_id);

GRANT SELECT ON posting_day TO fare_runtime, auditor_runtime;
