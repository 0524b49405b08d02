/**
 * Enrolment: HTTPS → core → facts in PostgreSQL; and beside a broker the follower that writes who may connect.
 */

import { createPublicKey, randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import type { Clock } from '#platform/clock.ts';
import { systemClock } from '#platform/clock.ts';
import { OperatorError } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import { createMetrics } from '#platform/metrics.ts';
import { databaseProblems, registerPool } from '#platform/pool-metrics.ts';
import { createPool } from '#platform/postgres.ts';
import type { Role } from '#platform/role.ts';
import { readSecretFile } from '#platform/secret-files.ts';
import {
  createRevocationList,
  issueCertificate,
  newCertificateKey,
  serialOf,
  signingKeyOf,
} from '#platform/x509.ts';
import { type CrlKeeper, keepCrl } from './adapters/crl-file.ts';
import { openEnrolmentStore } from './adapters/enrolment-store.ts';
import { startHttps } from './adapters/https-server.ts';
import { followIdentities, type IdentitiesFollower } from './adapters/identities-file.ts';
import { DEFAULT_LIMITS, type EnrolmentConfig, type IdentitiesEnvironment } from './config.ts';
import { createEnrolment } from './enrolment.ts';
import { createGuessLimiter } from './guess-limiter.ts';
import type { DeviceCa } from './ports.ts';
import { remember } from './remember.ts';
import { enrolmentVitals } from './vitals.ts';

export interface EnrolmentRole extends Role {
  /** `https://host:port` as it is listened on. */
  readonly url: string;
}

const DAY_MS = 86_400_000;
/** The service's own certificate is made at its start and made anew well before it ends. */
const OWN_CERTIFICATE_MS = 30 * DAY_MS;
const OWN_RENEWAL_MS = DAY_MS;
/** A revocation list is good for so long. */
const CRL_MS = 7 * DAY_MS;
/** Whoever asks within this gets the same one: anybody may ask, and each costs a signature. */
const CRL_KEPT_MS = 10_000;
const POOL_MAX = 4;

/**
 * Starts the service.
 * @throws OperatorError PORT_IN_USE or LISTEN_FAILED.
 */
export async function startEnrolment(
  config: EnrolmentConfig,
  deps: { readonly clock: Clock; readonly log: Logger },
): Promise<EnrolmentRole> {
  const { clock, log } = deps;
  const limits = { ...DEFAULT_LIMITS, ...config.limits };
  const pool = createPool({
    url: config.postgresUrl,
    applicationName: 'kvytok-enrolment',
    max: POOL_MAX,
    log,
  });
  const ca: DeviceCa = {
    privateKey: signingKeyOf(config.ca.key),
    certificatePem: config.ca.certificatePem,
  };
  const { host, port } = addressOf(config.listen);
  let ownUrl = config.url ?? '';
  const enrolment = createEnrolment({
    store: openEnrolmentStore(pool),
    ca,
    settings: () => ({
      mqttUrl: config.mqttUrl,
      enrolmentUrl: ownUrl,
      ...config.pins,
      policy: config.policy,
      ...(config.stops !== undefined && { stops: config.stops }),
      ...(config.tariff !== undefined && { tariff: config.tariff }),
      ...(config.cardMedia && { cardMedia: config.cardMedia }),
      ...(config.cardKeys && { cardKeys: config.cardKeys }),
      ...config.bank,
      tokenKey: config.tokenKey,
    }),
    inspectionKeys: () => config.inspectionKeys,
    // Certificates live in real time, also where the city lives in another.
    nowMs: () => systemClock.nowMs(),
    cityMs: () => clock.nowMs(),
    random: randomBytes,
    tell: (event, detail) =>
      log[event === 'enrolled' || event === 'renewed' ? 'info' : 'error'](detail, `enrolment.${event}`),
    certificateMs: config.certificateMs,
    oldKeyMs: config.oldKeyMs,
  });
  const counts: Record<string, number> = {};
  const names = [...new Set([host, ...(config.url === undefined ? [] : [new URL(config.url).hostname])])];
  const server = await startHttps({
    host,
    port,
    tls: await ownTls(ca, names),
    enrolment,
    limiter: createGuessLimiter(limits),
    monotonicMs: () => clock.monotonicMs(),
    crl: remember(() => newRevocationList(pool, ca), {
      forMs: CRL_KEPT_MS,
      monotonicMs: () => systemClock.monotonicMs(),
    }),
    log,
    count: (outcome) => {
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    },
  }).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  const url = `https://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
  if (ownUrl === '') ownUrl = url;
  const renewal = setInterval(
    () =>
      void ownTls(ca, names).then(server.renew, (err: unknown) =>
        log.error({ err }, 'enrolment.own-certificate-failed'),
      ),
    OWN_RENEWAL_MS,
  );
  renewal.unref();
  log.info({ port: server.port }, 'enrolment.ready');
  const metrics = createMetrics();
  registerPool(metrics, 'kvytok_enrolment', pool);
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    clearInterval(renewal);
    await server.stop();
    await pool.end();
  };
  return {
    name: 'enrolment',
    url,
    vitals: enrolmentVitals(
      metrics,
      () => ({ ...counts }),
      () => databaseProblems(pool),
    ),
    stop: () => (stopping ??= stop()),
  };
}

async function newRevocationList(pool: Pool, ca: DeviceCa): Promise<string> {
  const { rows } = await pool.query<{ serial: string; revoked_at_ms: bigint }>(
    `SELECT serial, revoked_at_ms FROM ingest.published_certificate_revocation WHERE not_after_ms > $1 ORDER BY serial`,
    [Math.floor(systemClock.nowMs())],
  );
  const revoked = rows.map((row) => ({ serial: row.serial, atMs: Number(row.revoked_at_ms) }));
  const issuedAtMs = systemClock.nowMs();
  return createRevocationList(ca, { revoked, issuedAtMs, nextAtMs: issuedAtMs + CRL_MS });
}

/** A key that lives in this process alone, and a certificate for the names under which it is reached. */
async function ownTls(ca: DeviceCa, names: readonly string[]) {
  const key = newCertificateKey();
  const nowMs = systemClock.nowMs();
  const cert = await issueCertificate(ca, {
    name: 'kvytok enrolment',
    publicKeyPem: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
    serial: serialOf(randomBytes(16)),
    notBeforeMs: nowMs - DAY_MS,
    notAfterMs: nowMs + OWN_CERTIFICATE_MS,
    use: { kind: 'server', names },
  });
  return { key, cert, ca: ca.certificatePem };
}

function addressOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

/** The follower as a role. */
export interface IdentitiesRole extends Role {
  readonly follower: IdentitiesFollower;
}

/** How often it is looked who may connect: a revocation reaches the broker within twice this. */
const LOOK_EVERY_MS = 500;
/** Enrolment's own list may be {@link CRL_KEPT_MS} old: fetched later, it has whoever was revoked before. */
const CRL_AFTER_CHANGE_MS = CRL_KEPT_MS + 1_000;
const CRL_AGAIN_MS = 30_000;

/**
 * Starts the follower beside a broker.
 * @throws OperatorError BROKER_CRL_SETTINGS; and when the database cannot be reached at the start.
 */
export async function startIdentities(
  config: IdentitiesEnvironment,
  deps: { readonly log: Logger },
): Promise<IdentitiesRole> {
  const { log } = deps;
  const url = config.KVYTOK_POSTGRES_URL;
  const crl = crlKeeper(config, log);
  const pool = createPool({ url, applicationName: 'kvytok-identities', max: 1, log });
  const follower = await followIdentities(pool, {
    path: config.KVYTOK_BROKER_IDENTITIES,
    everyMs: LOOK_EVERY_MS,
    nowMs: () => systemClock.nowMs(),
    log,
    ...(crl && { onWritten: crl.changed }),
  }).catch(async (error: unknown) => {
    crl?.stop();
    await pool.end();
    throw error;
  });
  const metrics = createMetrics();
  registerPool(metrics, 'kvytok_identities', pool);
  const problems = async () => [
    ...(follower.inStep() ? [] : ['the identities file is behind the database']),
    ...(crl?.problems() ?? []),
  ];
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    follower.stop();
    crl?.stop();
    await pool.end();
  };
  return { name: 'identities', follower, vitals: { metrics, problems }, stop: () => (stopping ??= stop()) };
}

/** @throws OperatorError BROKER_CRL_SETTINGS when only some of its settings are there. */
function crlKeeper(config: IdentitiesEnvironment, log: Logger): CrlKeeper | undefined {
  const { KVYTOK_BROKER_CRL: path, KVYTOK_ENROLMENT_URL: enrolmentUrl, KVYTOK_CA_CERT_FILE: caFile } = config;
  if (path === undefined) return undefined;
  if (enrolmentUrl === undefined || caFile === undefined)
    throw new OperatorError({
      code: 'BROKER_CRL_SETTINGS',
      happened: 'KVYTOK_BROKER_CRL is set, and nothing says where its list comes from.',
      kept: 'Nothing was started and no file was changed.',
      todo: 'Set KVYTOK_ENROLMENT_URL and KVYTOK_CA_CERT_FILE too, or leave KVYTOK_BROKER_CRL out.',
    });
  return keepCrl({
    path,
    enrolmentUrl,
    caPem: () => readSecretFile(caFile),
    afterChangeMs: CRL_AFTER_CHANGE_MS,
    againMs: CRL_AGAIN_MS,
    nowMs: () => systemClock.nowMs(),
    log,
  });
}
