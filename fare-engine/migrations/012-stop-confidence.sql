-- How sure a device was of its stop, who said it, and whether that was less than the city asked when the tap came in.
ALTER TABLE tap ADD COLUMN stop_confidence_pct smallint, ADD COLUMN stop_source text,
  ADD COLUMN stop_unsure boolean NOT NULL DEFAULT false;
