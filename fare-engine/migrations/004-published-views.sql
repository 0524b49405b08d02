-- Views for the portal and the auditor. Their columns are a contract; no account id and no token leaves through them.

CREATE VIEW latest_decision AS
  SELECT d.* FROM decision d
  WHERE NOT EXISTS (SELECT FROM decision n WHERE n.tap_id = d.tap_id AND n.revision = d.revision + 1);

CREATE VIEW published_tap AS
  SELECT t.tap_id, t.device_id, coalesce(d.vehicle_id, t.belief_vehicle_id) AS vehicle_id, d.carrier_id,
         coalesce(d.route_id, t.belief_route_id) AS route_id, t.stop_id, t.fare_at_ms, t.received_at_ms,
         t.medium_kind, d.kind, d.fare_media_id, d.rider_category_id, d.concession_id, d.funding_id,
         d.gross_minor, d.rider_minor, d.transfer_minor, d.concession_minor, d.pass_minor, d.cap_minor,
         d.currency, t.flags, d.revision, d.decided_at_ms, d.tap_id || '#' || d.revision AS decision_id
  FROM latest_decision d JOIN tap t USING (tap_id);

CREATE VIEW published_explanation AS
  SELECT d.tap_id, d.revision, d.fare_day, d.package_hash, a.names AS package_name, d.kind, d.steps::jsonb AS steps,
         (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'postingId', p.posting_id,
                   -- The rider is "the rider" here: whose account it is stays inside.
                   'debit', regexp_replace(p.debit_account, '^rider:.*$', 'rider'),
                   'credit', regexp_replace(p.credit_account, '^rider:.*$', 'rider'),
                   'amountMinor', p.amount_minor::text, 'currency', p.currency,
                   'reverses', p.reverses) ORDER BY p.posting_id), '[]')
            FROM posting p
           WHERE p.posting_id >= d.tap_id || '#' || d.revision || '.'
             AND p.posting_id < d.tap_id || '#' || d.revision || '/') AS postings,
         d.decided_at_ms
  FROM decision d LEFT JOIN tariff_activation a USING (package_hash);

CREATE VIEW published_totals AS
  SELECT dimension, key, count(*) FILTER (WHERE kind IN ('ride', 'transfer')) AS rides,
         count(*) FILTER (WHERE claim_ride) AS claim_rides, sum(gross_minor)::bigint AS gross_minor,
         sum(rider_minor)::bigint AS rider_minor, sum(concession_minor)::bigint AS concession_minor, currency
  FROM latest_decision d JOIN tap t USING (tap_id)
  CROSS JOIN LATERAL (VALUES ('medium', t.medium_kind), ('category', coalesce(d.rider_category_id, '')),
                             ('carrier', coalesce(d.carrier_id, ''))) AS split (dimension, key)
  WHERE d.kind <> 'withdrawn'
  GROUP BY dimension, key, currency;

CREATE VIEW published_budget_owed AS
  SELECT funding_id, carrier_id, concession_id, count(*) FILTER (WHERE claim_ride) AS claim_rides,
         sum(concession_minor)::bigint AS amount_minor, currency
  FROM latest_decision
  WHERE funding_id IS NOT NULL
  GROUP BY funding_id, carrier_id, concession_id, currency;

-- Riders appear as one sum: what a single person owes is nobody's business here.
CREATE VIEW published_trial_balance AS
  SELECT account_id, currency, sum(debit)::bigint AS debit_minor, sum(credit)::bigint AS credit_minor,
         sum(debit - credit)::bigint AS balance_minor
  FROM (SELECT regexp_replace(debit_account, '^rider:.*$', 'rider:*') AS account_id, currency,
               amount_minor AS debit, 0 AS credit FROM posting
        UNION ALL
        SELECT regexp_replace(credit_account, '^rider:.*$', 'rider:*'), currency, 0, amount_minor FROM posting) AS side
  GROUP BY account_id, currency;

CREATE VIEW published_counts AS
  SELECT (SELECT count(*) FROM tap) AS taps,
         (SELECT count(*) FROM decision WHERE revision = 1) AS decided_taps,
         (SELECT count(*) FROM record_inbox) AS inbox,
         (SELECT count(*) FROM account_day_queue) AS queue,
         (SELECT count(*) FROM command_inbox) AS commands_waiting,
         (SELECT count(*) FROM command_refusal) AS commands_refused,
         (SELECT count(*) FROM stuck) AS stuck;

-- Each row must say 0: what reconcile.ts asks.
CREATE VIEW published_reconciliation AS
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
    WHERE coalesce(net.amount_minor, 0) IS DISTINCT FROM coalesce(d.rider_minor + d.concession_minor, 0)
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
    - (SELECT count(*) FROM audit_leaf WHERE kind = 'decision');
