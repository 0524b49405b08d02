-- What a side says of a claim, it signs: the exact text, the signature, and by whose key. The key of the fact that it stands beside.
CREATE TABLE claim_signature (
  fact_id uuid PRIMARY KEY,
  claim_id text COLLATE "C" NOT NULL,
  version int NOT NULL,
  act text NOT NULL CHECK (act IN ('submit', 'object', 'answer', 'agree')),
  side text NOT NULL CHECK (side IN ('department', 'carrier')),
  signer_id uuid NOT NULL REFERENCES act_signer,
  qualified boolean NOT NULL,
  statement text NOT NULL,
  signature text NOT NULL,
  known_from_ms bigint NOT NULL,
  FOREIGN KEY (claim_id, version) REFERENCES claim_version
);
CREATE INDEX claim_signature_claim ON claim_signature (claim_id);
COMMENT ON TABLE claim_signature IS 'fact: a side signed what it says of a claim';
GRANT SELECT, INSERT ON claim_signature TO fare_runtime;
GRANT SELECT ON claim_signature TO auditor_runtime;
