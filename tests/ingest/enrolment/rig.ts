/** A city with its authority, enrolment over real HTTPS, a broker with TLS and the follower between them. */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { CardKeysFile } from '#contracts/card-keys.ts';
import type { CitySigner } from '#contracts/signed-envelope.ts';
import { firstInspectionKeys, type NetworkKeys } from '#contracts/vehicle-key.ts';
import { systemClock } from '#platform/clock.ts';
import { createLogger, type Logger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { type Broker, startBroker } from '../../../broker/main.ts';
import { openCertificate, openCityCa } from '../../../cli/city/device-ca.ts';
import { enrolDeviceFolder } from '../../../edge-agent/adapters/enrol-device.ts';
import { makeCode, recordClients, revokeDevice } from '../../../ingest/enrolment/adapters/device-office.ts';
import type { BankFiles } from '../../../ingest/enrolment/bank-files.ts';
import { CODE_RANDOM_BYTES } from '../../../ingest/enrolment/codes.ts';
import type { EnrolmentLimits } from '../../../ingest/enrolment/config.ts';
import {
  type EnrolmentRole,
  type IdentitiesRole,
  startEnrolment,
  startIdentities,
} from '../../../ingest/enrolment/main.ts';
import { type Ingest, startIngest } from '../../../ingest/main.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { openTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { MIGRATIONS } from '../harness.ts';

export const HOUR_MS = 3_600_000;
/** From them the keys of vehicles' networks are made. */
export const INSPECTION_KEYS = firstInspectionKeys(Buffer.alloc(32, 5));

export interface EnrolmentRig {
  readonly folder: string;
  readonly database: TestDatabase;
  readonly admin: pg.Client;
  readonly office: pg.Pool;
  readonly enrolment: EnrolmentRole;
  readonly identities: IdentitiesRole;
  readonly broker: Broker;
  readonly caSha256: string;
  readonly caPem: string;
  readonly keys: Readonly<Record<'ingest' | 'lists' | 'issuer', KeyObject>>;
  readonly tokenKey: Buffer;
  /** As enrolment hands them out; may be changed. */
  inspectionKeys: NetworkKeys;
  /** The same, for bank cards; none at first. */
  bank: BankFiles | undefined;
  cardKeys: CardKeysFile | undefined;
  /** Everything that was logged, as text. */
  logged(): string;
  newCode(
    deviceId: string,
    more?: { nowMs?: number; validMs?: number; inspector?: boolean },
  ): Promise<string>;
  /** Enrols a folder of this name as a device would. */
  enrol(deviceId: string, folderName?: string): Promise<string>;
  /** The same with a code that is there already. */
  enrolWith(code: string, deviceDir: string): Promise<void>;
  revoke(deviceId: string): Promise<void>;
  /** Starts ingest with a certificate of its own; another key than that of enrolment may sign its receipts. */
  startIngest(signer?: CitySigner): Promise<Ingest>;
  alarms(): Promise<string[]>;
  stop(): Promise<void>;
}

const pem = (key: KeyObject): string =>
  createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();

export async function startEnrolmentRig(limits: Partial<EnrolmentLimits> = {}): Promise<EnrolmentRig> {
  const temp = tempFolder('enrolment');
  const folder = temp.path;
  const database = await openTestDatabase();
  await database.migrate(MIGRATIONS);
  const admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  const office = createPool({ url: database.url('office_runtime'), applicationName: 'test', max: 2 });
  const lines: string[] = [];
  const log: Logger = createLogger({
    component: 'test',
    level: 'debug',
    write: (line) => void lines.push(line),
  });
  const ca = await openCityCa(join(folder, 'secrets'));
  const [ingestKey, listsKey, issuerKey] = [0, 1, 2].map(() => generateKeyPairSync('ed25519').privateKey) as [
    KeyObject,
    KeyObject,
    KeyObject,
  ];
  const tokenKey = randomBytes(32);
  const identitiesFile = join(folder, 'identities.json');
  const identities = await startIdentities(
    { KVYTOK_POSTGRES_URL: database.url('broker_runtime'), KVYTOK_BROKER_IDENTITIES: identitiesFile },
    { log },
  );
  const names = ['127.0.0.1'];
  const server = await openCertificate(ca, join(folder, 'secrets'), {
    name: 'kvytok broker',
    fileName: 'broker',
    use: { kind: 'server', names },
  });
  const broker = await startBroker(
    {
      KVYTOK_BROKER_TLS_LISTEN: '127.0.0.1:0',
      KVYTOK_BROKER_TLS_KEY_FILE: server.keyFile,
      KVYTOK_BROKER_TLS_CERT_FILE: server.certFile,
      KVYTOK_BROKER_TLS_CA_FILE: server.caFile,
      KVYTOK_BROKER_IDENTITIES: identitiesFile,
      limits: { identitiesEveryMs: 50 },
    },
    { clock: systemClock, log },
  );
  const enrolment = await startEnrolment(
    {
      postgresUrl: database.url('enrolment_runtime'),
      listen: '127.0.0.1:0',
      mqttUrl: broker.url,
      ca,
      pins: {
        ingestKeys: { 'ingest-1': pem(ingestKey) },
        listKeys: { 'lists-1': pem(listsKey) },
        issuerKeys: { i001: pem(issuerKey) },
      },
      tokenKey: tokenKey.toString('hex'),
      get inspectionKeys() {
        return rig.inspectionKeys;
      },
      get bank() {
        return rig.bank;
      },
      get cardKeys() {
        return rig.cardKeys;
      },
      policy: { passBackS: 10, mediumKinds: ['social', 'wallet'], journalRecordsMax: 5000 },
      certificateMs: 24 * HOUR_MS,
      oldKeyMs: 24 * HOUR_MS,
      limits,
    },
    { clock: systemClock, log },
  );
  const ingests: Ingest[] = [];
  const rig: EnrolmentRig = {
    folder,
    database,
    admin,
    office,
    enrolment,
    identities,
    broker,
    caSha256: createHash('sha256').update(new X509Certificate(ca.certificatePem).raw).digest('hex'),
    caPem: ca.certificatePem,
    keys: { ingest: ingestKey, lists: listsKey, issuer: issuerKey },
    tokenKey,
    inspectionKeys: INSPECTION_KEYS,
    bank: undefined,
    cardKeys: undefined,
    logged: () => lines.join(''),
    newCode: async (deviceId, { nowMs = Date.now(), validMs = HOUR_MS, inspector = false } = {}) => {
      const random = randomBytes(CODE_RANDOM_BYTES);
      const vehicleId = inspector ? undefined : 'bus-1';
      const order = { deviceId, vehicleId, inspector, random, nowMs, validMs, issuedBy: 'test' };
      return (await makeCode(office, order)).code;
    },
    enrol: async (deviceId, folderName = deviceId) => {
      const deviceDir = join(folder, folderName);
      await rig.enrolWith(await rig.newCode(deviceId), deviceDir);
      return deviceDir;
    },
    enrolWith: async (code, deviceDir) => {
      await enrolDeviceFolder({ url: enrolment.url, code, caSha256: rig.caSha256, deviceDir });
    },
    revoke: async (deviceId) => {
      await revokeDevice(office, { deviceId, reason: 'stolen', revokedBy: 'test', nowMs: Date.now() });
    },
    startIngest: async (signer = { keyId: 'ingest-1', privateKey: ingestKey }) => {
      const secrets = join(folder, 'secrets');
      const { certFile, keyFile, certificate } = await openCertificate(ca, secrets, {
        name: 'ingest',
        use: { kind: 'client' },
      });
      await recordClients(office, [{ role: 'ingest', certificate }]);
      const { readFileSync } = await import('node:fs');
      const ingest = await startIngest(
        {
          postgresUrl: database.url('ingest_runtime'),
          mqttUrl: broker.url,
          mqttClientId: 'ingest',
          mqttTls: () => ({
            cert: readFileSync(certFile, 'utf8'),
            key: readFileSync(keyFile, 'utf8'),
            ca: ca.certificatePem,
          }),
          signer,
          clockFarFromReceiptMs: 900_000,
        },
        { clock: systemClock, log },
      );
      ingests.push(ingest);
      await ingest.ready();
      return ingest;
    },
    alarms: async () => {
      const { rows } = await admin.query<{ kind: string }>(
        'SELECT kind FROM ingest.enrolment_alarm ORDER BY 1',
      );
      return rows.map((row) => row.kind);
    },
    stop: async () => {
      for (const ingest of ingests) await ingest.stop();
      await enrolment.stop();
      await broker.stop();
      await identities.stop();
      await office.end();
      await admin.end();
      await database.close();
      temp.remove();
    },
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'token-key'), tokenKey.toString('hex'));
  return rig;
}
