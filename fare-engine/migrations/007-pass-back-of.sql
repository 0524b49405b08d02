-- The tap of which a device took this one for a repetition; null also for taps stored before this column was there.
ALTER TABLE tap ADD COLUMN pass_back_of text COLLATE "C";
