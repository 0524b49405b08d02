-- Decisions that took the place of another one, few of all: whoever reads the decisions of a day that still stand looks here,
-- and not for each of them among all that were ever made.
CREATE INDEX decision_later ON decision (tap_id, revision) WHERE revision > 1;
