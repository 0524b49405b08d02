-- The end that an activated package states for itself; null = open, or activated before this column was there.
ALTER TABLE tariff_activation ADD COLUMN valid_until_ms bigint;
