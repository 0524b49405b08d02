-- Which decisions took the place of one on another day is asked once, of those made since the days that are looked at began: years of
-- others are not gone through. Those of the same day are told by their revisions.
DROP INDEX decision_later;
CREATE INDEX decision_later_decided ON decision (decided_at_ms) WHERE revision > 1;
