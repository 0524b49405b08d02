-- Who may connect, and by what: one-time codes, certificates, and what was taken back. All instants are real time, as
-- TLS reads it, also in a simulated city.

-- ---------------------------------------------------------------- facts

-- A code is shown once; here stands its hash alone.
CREATE TABLE enrolment_code (
  code_sha256 bytea PRIMARY KEY CHECK (length(code_sha256) = 32),
  device_id text NOT NULL,
  vehicle_id text,
  issued_at_ms bigint NOT NULL,
  expires_at_ms bigint NOT NULL,
  issued_by text NOT NULL
);

-- The primary key makes a code good for one use, whoever comes at the same time.
CREATE TABLE enrolment_use (
  code_sha256 bytea PRIMARY KEY REFERENCES enrolment_code,
  device_id text NOT NULL,
  key_id text NOT NULL,
  -- SHA-256 of the key in the certificate: a repeated request with the same keys is the same request.
  tls_key_sha256 bytea NOT NULL,
  used_at_ms bigint NOT NULL
);

-- Clients of the broker and what they are there (broker/identity.ts). A name never changes its role.
CREATE TABLE broker_client (
  client_id text PRIMARY KEY,
  role text NOT NULL CHECK (role IN ('device', 'ingest', 'lists', 'monitor')),
  since_ms bigint NOT NULL
);

CREATE TABLE client_certificate (
  serial text PRIMARY KEY CHECK (serial ~ '^[0-9a-f]{2,40}$'),
  client_id text NOT NULL REFERENCES broker_client,
  tls_key_sha256 bytea NOT NULL,
  not_before_ms bigint NOT NULL,
  not_after_ms bigint NOT NULL,
  issued_at_ms bigint NOT NULL,
  certificate_pem text NOT NULL
);
CREATE INDEX client_certificate_of ON client_certificate (client_id, issued_at_ms);

CREATE TABLE client_certificate_revocation (
  serial text PRIMARY KEY REFERENCES client_certificate,
  revoked_at_ms bigint NOT NULL,
  reason text NOT NULL
);

-- A device was taken out of service as a whole: codes from before are void.
CREATE TABLE device_revocation (
  device_id text NOT NULL,
  revoked_at_ms bigint NOT NULL,
  reason text NOT NULL,
  revoked_by text NOT NULL,
  PRIMARY KEY (device_id, revoked_at_ms)
);

-- Signs that a code or a key is in foreign hands. One row for each subject, so a flood does not grow it.
CREATE TABLE enrolment_alarm (
  device_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('code-used-again', 'superseded-certificate', 'foreign-signing-key')),
  -- Hash of the code in hex, or serial number of the certificate.
  subject text NOT NULL,
  noticed_at_ms bigint NOT NULL,
  PRIMARY KEY (device_id, kind, subject)
);

-- ---------------------------------------------------------------- published views: their columns are a contract

-- Certificates that are in force but for their dates, which brokers check themselves.
CREATE VIEW published_broker_client AS
SELECT c.client_id, c.role, x.serial, x.not_after_ms
FROM broker_client AS c JOIN client_certificate AS x USING (client_id)
WHERE NOT EXISTS (SELECT FROM client_certificate_revocation AS r WHERE r.serial = x.serial);

CREATE VIEW published_certificate_revocation AS
SELECT r.serial, r.revoked_at_ms, x.not_after_ms
FROM client_certificate_revocation AS r JOIN client_certificate AS x USING (serial);

CREATE VIEW published_enrolment_alarm AS
SELECT device_id, kind, count(*) AS signs, max(noticed_at_ms) AS noticed_at_ms
FROM enrolment_alarm GROUP BY device_id, kind;

-- ---------------------------------------------------------------- grants

GRANT USAGE ON SCHEMA ingest TO enrolment_runtime, broker_runtime;
-- The service that faces devices: uses codes, issues, replaces. It cannot make a code or take a device out of service.
GRANT SELECT ON enrolment_code, device_revocation TO enrolment_runtime;
GRANT SELECT, INSERT ON enrolment_use, broker_client, client_certificate, client_certificate_revocation,
  enrolment_alarm, device_key, device_key_revocation TO enrolment_runtime;
-- The office: makes codes, takes devices out of service, enrols the city's own services.
GRANT SELECT, INSERT ON enrolment_code, device_revocation, broker_client, client_certificate,
  client_certificate_revocation TO office_runtime;
GRANT SELECT ON enrolment_use, enrolment_alarm TO office_runtime;
-- A broker's host reads who may connect, and nothing else.
GRANT SELECT ON published_broker_client, published_certificate_revocation TO broker_runtime, enrolment_runtime;
GRANT SELECT ON published_enrolment_alarm TO portal_runtime, auditor_runtime, office_runtime, ingest_runtime;

COMMENT ON TABLE enrolment_code IS 'fact: a one-time code was given out for a device';
COMMENT ON TABLE enrolment_use IS 'fact: a code was used, with these keys';
COMMENT ON TABLE broker_client IS 'fact: a client of the broker and its role';
COMMENT ON TABLE client_certificate IS 'fact: a certificate was issued';
COMMENT ON TABLE client_certificate_revocation IS 'fact: a certificate is not taken any more';
COMMENT ON TABLE device_revocation IS 'fact: a device was taken out of service';
COMMENT ON TABLE enrolment_alarm IS 'fact: a sign that a code or key is in foreign hands';
