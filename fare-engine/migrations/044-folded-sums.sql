-- What the city shows of its sums does not grow with history. Sums of everything that transactions below a line wrote are kept;
-- what came after it is counted when somebody looks. Below the line no transaction runs any more, so nothing is added there; one
-- engine moves it on (0159). Writers know nothing of it.

ALTER TABLE tap ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();
ALTER TABLE command_refusal ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX tap_xact ON tap USING brin (((xact::text)::bigint)) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX command_refusal_xact ON command_refusal (((xact::text)::bigint));

CREATE TABLE sum_fold (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  -- Transactions below it are in the sums.
  until_xact bigint NOT NULL DEFAULT 0,
  taps bigint NOT NULL DEFAULT 0,
  decided_taps bigint NOT NULL DEFAULT 0,
  commands_refused bigint NOT NULL DEFAULT 0
);
INSERT INTO sum_fold DEFAULT VALUES;
COMMENT ON TABLE sum_fold IS 'projection: up to which transaction sums are kept, and counts up to there';

CREATE TABLE folded_total (
  dimension text NOT NULL,
  key text NOT NULL,
  currency text NOT NULL,
  -- Latest decisions behind the sums; with none of them left a row is not shown.
  decisions bigint NOT NULL,
  rides bigint NOT NULL,
  claim_rides bigint NOT NULL,
  gross_minor bigint NOT NULL,
  rider_minor bigint NOT NULL,
  concession_minor bigint NOT NULL,
  PRIMARY KEY (dimension, key, currency)
) WITH (fillfactor = 50);
COMMENT ON TABLE folded_total IS 'projection: rides and money by medium, category, carrier and route, up to the line of sum_fold';

CREATE TABLE folded_budget (
  funding_id text NOT NULL,
  carrier_id text,
  concession_id text,
  currency text NOT NULL,
  decisions bigint NOT NULL,
  claim_rides bigint NOT NULL,
  amount_minor bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (funding_id, carrier_id, concession_id, currency)
) WITH (fillfactor = 50);
COMMENT ON TABLE folded_budget IS 'projection: what budgets owe, up to the line of sum_fold';

CREATE TABLE folded_balance (
  -- Riders as one.
  account_id text COLLATE "C" NOT NULL,
  currency text NOT NULL,
  -- NULL = final: no charge, or of a day that was known to be closed. Open days stand apart until their close.
  fare_day date,
  debit_minor bigint NOT NULL,
  credit_minor bigint NOT NULL,
  UNIQUE NULLS NOT DISTINCT (account_id, currency, fare_day)
) WITH (fillfactor = 50);
COMMENT ON TABLE folded_balance IS 'projection: debits and credits of accounts, up to the line of sum_fold';

-- Sums over what some transactions wrote; NULL = without an end. A decision counts, and takes out again what it supersedes, whenever
-- that was written: so parts add up to the latest decisions. The settings and OFFSET 0 hold each look-up to its index, whatever
-- the planner believes of a table that grows. STABLE: they see what the statement sees that asks.

CREATE FUNCTION decision_parts(from_xact bigint, until_xact bigint) RETURNS TABLE (
  sign int, tap_id text, kind text, rider_category_id text, carrier_id text, route_id text, funding_id text, concession_id text,
  claim_ride boolean, gross_minor bigint, rider_minor bigint, concession_minor bigint, currency text)
LANGUAGE sql STABLE SET search_path = fare, pg_temp SET enable_seqscan = off SET jit = off AS $$
  WITH d AS MATERIALIZED (
    SELECT d.tap_id, d.revision, d.kind, d.rider_category_id, d.carrier_id, d.route_id, d.funding_id, d.concession_id,
           d.claim_ride, d.gross_minor, d.rider_minor, d.concession_minor, d.currency
      FROM decision d
     WHERE (d.xact::text)::bigint >= from_xact AND (until_xact IS NULL OR (d.xact::text)::bigint < until_xact))
  SELECT 1, d.tap_id, d.kind, d.rider_category_id, d.carrier_id, d.route_id, d.funding_id, d.concession_id, d.claim_ride,
         d.gross_minor, d.rider_minor, d.concession_minor, d.currency
    FROM d
  UNION ALL
  SELECT -1, d.tap_id, o.kind, o.rider_category_id, o.carrier_id, o.route_id, o.funding_id, o.concession_id, o.claim_ride,
         o.gross_minor, o.rider_minor, o.concession_minor, o.currency
    FROM d CROSS JOIN LATERAL (
      SELECT * FROM decision o WHERE o.tap_id = d.tap_id AND o.revision = d.revision - 1 OFFSET 0) AS o
   WHERE d.revision > 1
$$;

CREATE FUNCTION total_parts(from_xact bigint, until_xact bigint) RETURNS TABLE (
  dimension text, key text, currency text, decisions bigint, rides bigint, claim_rides bigint, gross_minor bigint,
  rider_minor bigint, concession_minor bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = fare, pg_temp SET enable_seqscan = off SET jit = off AS $$
  SELECT split.dimension, split.key, p.currency, sum(p.sign), coalesce(sum(p.sign) FILTER (WHERE p.kind IN ('ride', 'transfer')), 0),
         coalesce(sum(p.sign) FILTER (WHERE p.claim_ride), 0), sum(p.sign * p.gross_minor)::bigint,
         sum(p.sign * p.rider_minor)::bigint, sum(p.sign * p.concession_minor)::bigint
    FROM decision_parts(from_xact, until_xact) AS p
   CROSS JOIN LATERAL (SELECT t.medium_kind FROM tap t WHERE t.tap_id = p.tap_id OFFSET 0) AS t
   CROSS JOIN LATERAL (VALUES ('medium', t.medium_kind), ('category', coalesce(p.rider_category_id, '')),
                              ('carrier', coalesce(p.carrier_id, '')), ('route', coalesce(p.route_id, ''))) AS split (dimension, key)
   WHERE p.kind <> 'withdrawn'
   GROUP BY 1, 2, 3
$$;

CREATE FUNCTION budget_parts(from_xact bigint, until_xact bigint) RETURNS TABLE (
  funding_id text, carrier_id text, concession_id text, currency text, decisions bigint, claim_rides bigint, amount_minor bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = fare, pg_temp SET enable_seqscan = off SET jit = off AS $$
  SELECT p.funding_id, p.carrier_id, p.concession_id, p.currency, sum(p.sign), coalesce(sum(p.sign) FILTER (WHERE p.claim_ride), 0),
         sum(p.sign * p.concession_minor)::bigint
    FROM decision_parts(from_xact, until_xact) AS p
   WHERE p.funding_id IS NOT NULL
   GROUP BY 1, 2, 3, 4
$$;

CREATE FUNCTION balance_parts(from_xact bigint, until_xact bigint) RETURNS TABLE (
  account_id text, currency text, fare_day date, debit_minor bigint, credit_minor bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = fare, pg_temp SET enable_seqscan = off SET jit = off AS $$
  SELECT regexp_replace(s.account, '^rider:.*$', 'rider:*'), p.currency, p.fare_day, sum(s.debit)::bigint, sum(s.credit)::bigint
    FROM posting p CROSS JOIN LATERAL (
      VALUES (p.debit_account, p.amount_minor, 0), (p.credit_account, 0, p.amount_minor)) AS s (account, debit, credit)
   WHERE (p.xact::text)::bigint >= from_xact AND (until_xact IS NULL OR (p.xact::text)::bigint < until_xact)
   GROUP BY 1, 2, 3
$$;

-- One for each count: who looks at one alone does not pay for the others.
CREATE FUNCTION tap_part(from_xact bigint, until_xact bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = fare, pg_temp SET enable_seqscan = off SET jit = off AS $$
  SELECT count(*) FROM tap t
   WHERE (t.xact::text)::bigint >= from_xact AND (until_xact IS NULL OR (t.xact::text)::bigint < until_xact)
$$;

CREATE FUNCTION decided_tap_part(from_xact bigint, until_xact bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = fare, pg_temp SET enable_seqscan = off SET jit = off AS $$
  SELECT count(*) FROM decision d WHERE d.revision = 1
     AND (d.xact::text)::bigint >= from_xact AND (until_xact IS NULL OR (d.xact::text)::bigint < until_xact)
$$;

CREATE FUNCTION refusal_part(from_xact bigint, until_xact bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = fare, pg_temp SET enable_seqscan = off SET jit = off AS $$
  SELECT count(*) FROM command_refusal r
   WHERE (r.xact::text)::bigint >= from_xact AND (until_xact IS NULL OR (r.xact::text)::bigint < until_xact)
$$;

-- Up to where sums may be kept now: below every transaction that runs, and no more than so many leaves of the audit log further.
CREATE FUNCTION fold_until(leaves_max int) RETURNS bigint LANGUAGE sql STABLE SET search_path = fare, pg_temp AS $$
  SELECT least((pg_snapshot_xmin(pg_current_snapshot())::text)::bigint,
               (SELECT greatest((l.xact::text)::bigint, f.until_xact + 1) FROM audit_leaf l
                 WHERE l.xact >= (f.until_xact::text)::xid8 ORDER BY l.xact, l.leaf_id OFFSET leaves_max LIMIT 1))
    FROM sum_fold f
$$;

-- Pages that have just been filled are told apart at once, and not when a vacuum comes by: else whoever looks for what is new reads
-- them all. Where a vacuum has the table just now it is left; only owners may do this.
CREATE FUNCTION summarize_new_pages() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = fare, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
  index_name text;
  block bigint;
BEGIN
  FOR index_name, block IN
    SELECT i.name, pg_relation_size(i.relation) / current_setting('block_size')::int / 32 * 32 - 32
      FROM (VALUES ('tap_xact', 'tap'::regclass), ('decision_xact', 'decision'), ('posting_xact', 'posting')) AS i (name, relation)
  LOOP
    FOR range IN 1..1000 LOOP
      EXIT WHEN block < 0 OR brin_summarize_range(index_name::regclass, block) = 0;
      block := block - 32;
    END LOOP;
  END LOOP;
EXCEPTION WHEN lock_not_available THEN NULL;
END $$;

-- The sums from scratch, as they were defined until now: what is kept must equal them.
CREATE VIEW counted_totals AS
  SELECT dimension, key, count(*) FILTER (WHERE kind IN ('ride', 'transfer')) AS rides,
         count(*) FILTER (WHERE claim_ride) AS claim_rides, sum(gross_minor)::bigint AS gross_minor,
         sum(rider_minor)::bigint AS rider_minor, sum(concession_minor)::bigint AS concession_minor, currency
  FROM latest_decision d JOIN tap t USING (tap_id)
  CROSS JOIN LATERAL (VALUES ('medium', t.medium_kind), ('category', coalesce(d.rider_category_id, '')),
                             ('carrier', coalesce(d.carrier_id, '')),
                             ('route', coalesce(d.route_id, ''))) AS split (dimension, key)
  WHERE d.kind <> 'withdrawn'
  GROUP BY dimension, key, currency;

CREATE VIEW counted_budget_owed AS
  SELECT funding_id, carrier_id, concession_id, count(*) FILTER (WHERE claim_ride) AS claim_rides,
         sum(concession_minor)::bigint AS amount_minor, currency
  FROM latest_decision
  WHERE funding_id IS NOT NULL
  GROUP BY funding_id, carrier_id, concession_id, currency;

CREATE VIEW counted_trial_balance AS
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

CREATE VIEW counted_counts AS
  SELECT (SELECT count(*) FROM tap) AS taps, (SELECT count(*) FROM decision WHERE revision = 1) AS decided_taps,
         (SELECT count(*) FROM command_refusal) AS commands_refused;

-- As before, of what is kept and what came after it.
CREATE OR REPLACE VIEW published_totals AS
  SELECT dimension, key, sum(rides)::bigint AS rides, sum(claim_rides)::bigint AS claim_rides, sum(gross_minor)::bigint AS gross_minor,
         sum(rider_minor)::bigint AS rider_minor, sum(concession_minor)::bigint AS concession_minor, currency
  FROM (SELECT * FROM folded_total
        UNION ALL
        SELECT p.* FROM sum_fold f CROSS JOIN LATERAL total_parts(f.until_xact, NULL) AS p) AS part
  GROUP BY dimension, key, currency HAVING sum(decisions) <> 0;

CREATE OR REPLACE VIEW published_budget_owed AS
  SELECT funding_id, carrier_id, concession_id, sum(claim_rides)::bigint AS claim_rides, sum(amount_minor)::bigint AS amount_minor, currency
  FROM (SELECT * FROM folded_budget
        UNION ALL
        SELECT p.* FROM sum_fold f CROSS JOIN LATERAL budget_parts(f.until_xact, NULL) AS p) AS part
  GROUP BY funding_id, carrier_id, concession_id, currency HAVING sum(decisions) <> 0;

CREATE OR REPLACE VIEW published_trial_balance AS
  WITH closed AS (SELECT coalesce(max(fare_day), '-infinity') AS until FROM close),
  part AS (
    SELECT account_id, currency, fare_day, debit_minor, credit_minor FROM folded_balance
    UNION ALL
    SELECT p.account_id COLLATE "C", p.currency, p.fare_day, p.debit_minor, p.credit_minor
      FROM sum_fold f CROSS JOIN LATERAL balance_parts(f.until_xact, NULL) AS p)
  SELECT account_id, currency, sum(debit_minor)::bigint AS debit_minor, sum(credit_minor)::bigint AS credit_minor,
         sum(debit_minor - credit_minor)::bigint AS balance_minor,
         coalesce(sum(debit_minor) FILTER (WHERE fare_day > until), 0)::bigint AS pending_debit_minor,
         coalesce(sum(credit_minor) FILTER (WHERE fare_day > until), 0)::bigint AS pending_credit_minor
  FROM part CROSS JOIN closed GROUP BY 1, 2;

CREATE OR REPLACE VIEW published_counts AS
  SELECT f.taps + tap_part(f.until_xact, NULL) AS taps, f.decided_taps + decided_tap_part(f.until_xact, NULL) AS decided_taps,
         (SELECT count(*) FROM record_inbox) AS inbox,
         (SELECT count(*) FROM account_day_queue) + (SELECT count(*) FROM shift_queue)
           + (SELECT count(*) FROM clock_queue) + (SELECT count(*) FROM succession_queue)
           + (SELECT count(*) FROM breakdown_queue) AS queue,
         (SELECT count(*) FROM command_inbox) AS commands_waiting,
         f.commands_refused + refusal_part(f.until_xact, NULL) AS commands_refused,
         (SELECT count(*) FROM stuck) AS stuck
  FROM sum_fold f;

-- What the city shows and what it would show from scratch, where they differ. Empty when all is well; reads everything.
CREATE VIEW published_sum_difference AS
  WITH shown AS (
    SELECT 'totals' AS sums, to_jsonb(t) AS figures FROM published_totals t
    UNION ALL SELECT 'budget-owed', to_jsonb(b) FROM published_budget_owed b
    UNION ALL SELECT 'trial-balance', to_jsonb(l) FROM published_trial_balance l
    UNION ALL SELECT 'counts', to_jsonb(c) FROM (SELECT taps, decided_taps, commands_refused FROM published_counts) AS c),
  counted AS (
    SELECT 'totals' AS sums, to_jsonb(t) AS figures FROM counted_totals t
    UNION ALL SELECT 'budget-owed', to_jsonb(b) FROM counted_budget_owed b
    UNION ALL SELECT 'trial-balance', to_jsonb(l) FROM counted_trial_balance l
    UNION ALL SELECT 'counts', to_jsonb(c) FROM counted_counts c)
  SELECT 'shown' AS side, * FROM (SELECT * FROM shown EXCEPT ALL SELECT * FROM counted) AS only_shown
  UNION ALL
  SELECT 'counted', * FROM (SELECT * FROM counted EXCEPT ALL SELECT * FROM shown) AS only_counted;

REVOKE EXECUTE ON FUNCTION decision_parts, total_parts, budget_parts, balance_parts, tap_part, decided_tap_part, refusal_part, fold_until,
  summarize_new_pages FROM PUBLIC;
GRANT EXECUTE ON FUNCTION total_parts, budget_parts, balance_parts, tap_part, decided_tap_part, refusal_part
  TO fare_runtime, portal_runtime, auditor_runtime;
GRANT EXECUTE ON FUNCTION fold_until, summarize_new_pages TO fare_runtime;
GRANT SELECT, UPDATE ON sum_fold TO fare_runtime;
GRANT SELECT, INSERT, UPDATE ON folded_total, folded_budget TO fare_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON folded_balance TO fare_runtime;
GRANT SELECT ON published_sum_difference TO fare_runtime, auditor_runtime;
