-- What validators were told of the tariffs: every extract that was published, by its version. The file itself is made anew
-- from packages, version and key, byte for byte; devices name its hash in their health.
CREATE TABLE tariff_extract (
  version bigint PRIMARY KEY CHECK (version > 0),
  -- Of the content without its version: the same content keeps its version.
  content_sha256 text COLLATE "C" NOT NULL CHECK (content_sha256 ~ '^[0-9a-f]{64}$'),
  key_id text NOT NULL,
  -- Of the file that devices hold.
  sha256 text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  bytes int NOT NULL CHECK (bytes > 0),
  -- [{packageHash, versionId, validFromMs}], earliest first.
  packages jsonb NOT NULL,
  made_at_ms bigint NOT NULL
);
COMMENT ON TABLE tariff_extract IS 'fact: an extract of the tariffs was made for validators';

GRANT SELECT, INSERT ON tariff_extract TO fare_runtime;
GRANT SELECT ON tariff_extract TO auditor_runtime, office_runtime;

-- Newest version last; which devices have it is ingest.published_device_tariff.
CREATE VIEW published_tariff_extract AS
  SELECT version, sha256, packages, made_at_ms FROM tariff_extract;
GRANT SELECT ON published_tariff_extract TO portal_runtime, auditor_runtime, office_runtime;
