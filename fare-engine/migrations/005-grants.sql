-- Facts: SELECT and INSERT. Queues and projections may be changed by the fare engine alone.
GRANT USAGE ON SCHEMA fare TO fare_runtime, ingest_runtime, office_runtime, portal_runtime, auditor_runtime;

GRANT SELECT, INSERT ON tap, refused, shift, media_link, entitlement, entitlement_revocation, pass_holding,
  device_assignment, close, wallet_credit, deny_entry, tariff_activation, decision, posting, audit_leaf,
  command_accepted, command_refusal TO fare_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON record_inbox, command_inbox, account_day_queue, stuck, account, account_day,
  deny_published TO fare_runtime;
GRANT SELECT, UPDATE ON deny_list, known_clock TO fare_runtime;

GRANT INSERT ON record_inbox TO ingest_runtime;
GRANT INSERT ON command_inbox TO office_runtime, portal_runtime;

GRANT SELECT ON published_tap, published_explanation, published_totals, published_budget_owed,
  published_trial_balance, published_counts, published_reconciliation
  TO fare_runtime, portal_runtime, auditor_runtime;
-- The auditor may read every fact (never change one): exports and re-computation start from them.
GRANT SELECT ON tap, refused, shift, media_link, entitlement, entitlement_revocation, pass_holding,
  device_assignment, close, wallet_credit, deny_entry, tariff_activation, decision, latest_decision, posting,
  audit_leaf, command_accepted, command_refusal TO auditor_runtime;
GRANT SELECT ON latest_decision TO fare_runtime;
