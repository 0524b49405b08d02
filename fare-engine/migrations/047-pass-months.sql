-- What a settled month made of a pass or carnet with money left. A month has a row for each that the one before left with money, and for
-- each whose money moved: so the next one reads no more than these.
CREATE TABLE pass_month (
  period text COLLATE "C" NOT NULL REFERENCES settlement,
  pass_id text COLLATE "C" NOT NULL REFERENCES pass_holding,
  currency text NOT NULL,
  fare_product_id text COLLATE "C" NOT NULL,
  -- What it earned, in the month and so far; what is still owed for rides to come.
  earned_minor bigint NOT NULL,
  earned_so_far_minor bigint NOT NULL,
  left_minor bigint NOT NULL,
  rides int NOT NULL,
  -- Fare days on which it counts, half-open; NULL = it waits for its first use. Once said they are never moved.
  first_day date,
  until_day date,
  PRIMARY KEY (period, pass_id, currency),
  CHECK ((first_day IS NULL) = (until_day IS NULL))
);
CREATE INDEX pass_month_pass ON pass_month (pass_id);
COMMENT ON TABLE pass_month IS 'fact: what a settled month earned of the price of a pass';

-- By product: no pass, no holder.
CREATE VIEW published_pass_month AS
  SELECT period, fare_product_id, currency, count(*) AS passes, sum(earned_minor)::bigint AS earned_minor,
         sum(left_minor)::bigint AS left_minor
  FROM pass_month GROUP BY period, fare_product_id, currency;

GRANT SELECT, INSERT ON pass_month TO fare_runtime;
GRANT SELECT ON pass_month TO auditor_runtime;
GRANT SELECT ON published_pass_month TO fare_runtime, portal_runtime, auditor_runtime;
