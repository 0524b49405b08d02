-- Whoever looks at some fare days reads those days alone, however long the history is: their taps, decisions and postings lie
-- close together, so small summaries of pages find them, and writing costs next to nothing. Late taps are outliers among their
-- neighbours, which the multi-minmax summaries bear.
CREATE INDEX tap_day ON tap USING brin (fare_day date_minmax_multi_ops) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX decision_day ON decision USING brin (fare_day date_minmax_multi_ops) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX tap_time_day ON tap_time (fare_day);

-- Of a charge, the fare day with whose close it becomes final; a reversal goes with what it undoes. NULL = final at once.
ALTER TABLE posting ADD COLUMN fare_day date;
UPDATE posting p SET fare_day = d.fare_day FROM posting_day d WHERE d.posting_id = p.posting_id AND d.fare_day IS NOT NULL;
ALTER TABLE posting ADD CHECK ((tap_id IS NULL) = (fare_day IS NULL));
CREATE INDEX posting_fare_day ON posting USING brin (fare_day date_minmax_multi_ops) WITH (pages_per_range = 32, autosummarize = on);

CREATE OR REPLACE VIEW posting_day AS
  SELECT posting_id, debit_account, credit_account, amount_minor, currency, tap_id, revision, source, reverses, posted_at_ms,
         xact, fare_day FROM posting;
