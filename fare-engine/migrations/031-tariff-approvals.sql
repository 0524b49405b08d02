-- Who signed for a tariff package, and what was taken back before its date. The signed statements stand here as they are, so that
-- anybody with the officers' public keys can check them.
CREATE TABLE tariff_approval (
  package_hash text COLLATE "C" NOT NULL REFERENCES tariff_activation,
  act text NOT NULL CHECK (act IN ('activate', 'withdraw')),
  officer text COLLATE "C" NOT NULL,
  role text NOT NULL CHECK (role IN ('author', 'approver')),
  person text NOT NULL,
  signed_at_ms bigint NOT NULL,
  reason text,
  statement text NOT NULL,
  known_from_ms bigint NOT NULL,
  PRIMARY KEY (package_hash, act, officer, role)
);
COMMENT ON TABLE tariff_approval IS 'fact: an officer signed for the activation or withdrawal of a tariff package';

CREATE TABLE tariff_withdrawal (
  package_hash text COLLATE "C" PRIMARY KEY REFERENCES tariff_activation,
  known_from_ms bigint NOT NULL
);
COMMENT ON TABLE tariff_withdrawal IS 'fact: a tariff package was taken back before its date and never prices';

GRANT SELECT, INSERT ON tariff_approval, tariff_withdrawal TO fare_runtime;
GRANT SELECT ON tariff_approval, tariff_withdrawal TO auditor_runtime, office_runtime;
