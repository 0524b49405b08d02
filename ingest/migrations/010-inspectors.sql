-- A code may be for an inspector's device: it is told the key from which the keys of all vehicles' networks are made.
ALTER TABLE enrolment_code ADD COLUMN inspector boolean NOT NULL DEFAULT false;
