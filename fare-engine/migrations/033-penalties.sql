-- What a journey without its tap on leaving costs is a penalty and no fare: it stands on penalty:missing-tap, not with the carrier.
ALTER TABLE decision ADD COLUMN penalty boolean NOT NULL DEFAULT false;
