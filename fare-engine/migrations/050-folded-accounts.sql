-- Sums of each account, riders apart, are kept up to the line of sum_fold as well: who asks for the balances of all accounts, or for one
-- account since an instant, reads no history (0175).

CREATE TABLE folded_account (
  account_id text COLLATE "C" NOT NULL,
  currency text NOT NULL,
  debit_minor bigint NOT NULL,
  credit_minor bigint NOT NULL,
  PRIMARY KEY (account_id, currency)
) WITH (fillfactor = 50);
COMMENT ON TABLE folded_account IS 'projection: debits and credits of each account, riders apart, up to the line of sum_fold';

CREATE FUNCTION account_parts(from_xact bigint, until_xact bigint) RETURNS TABLE (
  account_id text, currency text, debit_minor bigint, credit_minor bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = fare, pg_temp SET enable_seqscan = off SET jit = off AS $$
  SELECT s.account, p.currency, sum(s.debit)::bigint, sum(s.credit)::bigint
    FROM posting p CROSS JOIN LATERAL (
      VALUES (p.debit_account, p.amount_minor, 0), (p.credit_account, 0, p.amount_minor)) AS s (account, debit, credit)
   WHERE (p.xact::text)::bigint >= from_xact AND (until_xact IS NULL OR (p.xact::text)::bigint < until_xact)
   GROUP BY 1, 2
$$;

-- What lies below the line now. It does not move meanwhile, and below it nothing is added.
SELECT FROM sum_fold FOR UPDATE;
INSERT INTO folded_account SELECT p.* FROM sum_fold f CROSS JOIN LATERAL account_parts(0, f.until_xact) AS p;

CREATE VIEW account_sums AS
  SELECT account_id, currency, sum(debit_minor)::bigint AS debit_minor, sum(credit_minor)::bigint AS credit_minor
  FROM (SELECT * FROM folded_account
        UNION ALL
        SELECT p.account_id COLLATE "C", p.currency, p.debit_minor, p.credit_minor
          FROM sum_fold f CROSS JOIN LATERAL account_parts(f.until_xact, NULL) AS p) AS part
  GROUP BY 1, 2;

CREATE VIEW counted_account_sums AS
  SELECT s.account AS account_id, p.currency, sum(s.debit)::bigint AS debit_minor, sum(s.credit)::bigint AS credit_minor
  FROM posting p CROSS JOIN LATERAL (
    VALUES (p.debit_account, p.amount_minor, 0), (p.credit_account, 0, p.amount_minor)) AS s (account, debit, credit)
  GROUP BY 1, 2;

CREATE OR REPLACE VIEW published_sum_difference AS
  WITH shown AS (
    SELECT 'totals' AS sums, to_jsonb(t) AS figures FROM published_totals t
    UNION ALL SELECT 'budget-owed', to_jsonb(b) FROM published_budget_owed b
    UNION ALL SELECT 'trial-balance', to_jsonb(l) FROM published_trial_balance l
    UNION ALL SELECT 'accounts', to_jsonb(a) FROM account_sums a
    UNION ALL SELECT 'counts', to_jsonb(c) FROM (SELECT taps, decided_taps, commands_refused FROM published_counts) AS c),
  counted AS (
    SELECT 'totals' AS sums, to_jsonb(t) AS figures FROM counted_totals t
    UNION ALL SELECT 'budget-owed', to_jsonb(b) FROM counted_budget_owed b
    UNION ALL SELECT 'trial-balance', to_jsonb(l) FROM counted_trial_balance l
    UNION ALL SELECT 'accounts', to_jsonb(a) FROM counted_account_sums a
    UNION ALL SELECT 'counts', to_jsonb(c) FROM counted_counts c)
  SELECT 'shown' AS side, * FROM (SELECT * FROM shown EXCEPT ALL SELECT * FROM counted) AS only_shown
  UNION ALL
  SELECT 'counted', * FROM (SELECT * FROM counted EXCEPT ALL SELECT * FROM shown) AS only_counted;

REVOKE EXECUTE ON FUNCTION account_parts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_parts TO fare_runtime, auditor_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON folded_account TO fare_runtime;
GRANT SELECT ON folded_account, account_sums TO fare_runtime, auditor_runtime;
