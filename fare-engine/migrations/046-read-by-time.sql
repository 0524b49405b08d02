-- Who asks for a day's money, or for what was known at an instant, reads that, however long the history is. Charges are the many: what
-- is indexed of postings here leaves them out, so posting them costs no more than the question whether a posting is one.
CREATE INDEX posting_paid_in ON posting (posted_at_ms) WHERE source IS NOT NULL;
CREATE INDEX bank_event_money ON bank_event (at_ms) WHERE kind IN ('cleared', 'refunded', 'paid');
CREATE INDEX bank_chargeback_at ON bank_chargeback (at_ms);
CREATE INDEX bank_chargeback_reference ON bank_chargeback (reference);
CREATE INDEX audit_checkpoint_signed ON audit_checkpoint USING brin (signed_at_ms) WITH (pages_per_range = 32, autosummarize = on);
