-- The city's next keys, sealed with a former one by the office: ingest brings them to the devices and cannot make them.

CREATE TABLE key_announcement (
  use text NOT NULL CHECK (use IN ('ingest', 'lists')),
  issued_at_ms bigint NOT NULL,
  -- Ids of the keys it names, and the message exactly as devices get it.
  key_ids text[] NOT NULL,
  envelope text NOT NULL,
  announced_by text NOT NULL,
  PRIMARY KEY (use, issued_at_ms)
);
COMMENT ON TABLE key_announcement IS 'fact: the city announced its next signing keys';

GRANT SELECT, INSERT ON key_announcement TO office_runtime;
GRANT SELECT ON key_announcement TO ingest_runtime;
