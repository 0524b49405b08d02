-- State of an account-day after its last tap, and when that was: the next tap in order goes on from there, and the day is not
-- read and priced again. NULL where it has to be; of days priced before this migration it is.
ALTER TABLE account_day ADD COLUMN running text, ADD COLUMN running_ms bigint,
  ADD CHECK ((running IS NULL) = (running_ms IS NULL));
