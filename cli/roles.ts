/**
 * The roles that `kvytok serve` starts, by name. Each role's code is loaded only when it is asked for, and none of it
 * is a simulator.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Static, TObject } from 'typebox';
import { awaitDatabase } from '#platform/await-database.ts';
import type { Clock } from '#platform/clock.ts';
import { readEnvironment } from '#platform/config.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';

export interface RoleDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Named points for fault tests; production hands in none. */
  readonly probe?: Probe;
  /** Ends the waiting for a database that is away. */
  readonly stopping?: AbortSignal;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** A role as started: the address it listens on, if it does. */
export interface StartedRole {
  readonly role: Role;
  readonly address?: string;
}

type Starter = (env: Environment, known: readonly string[], deps: RoleDeps) => Promise<StartedRole>;

interface RoleEntry {
  /** Names of the environment that this role reads. */
  names(): Promise<string[]>;
  start: Starter;
}

export const ROLE_NAMES = [
  'identities',
  'broker',
  'ingest',
  'fare-engine',
  'portal',
  'enrolment',
  'backup',
] as const;
export type RoleName = (typeof ROLE_NAMES)[number];

/** Roles of the design that this version does not have yet. */
export const LATER_ROLES: readonly string[] = ['beacons', 'telemetry'];

const ROLES: Readonly<Record<RoleName, RoleEntry>> = {
  // Before the broker: it writes the file that the broker reads.
  identities: entry(
    async () => (await import('../ingest/enrolment/config.ts')).IdentitiesEnvironment,
    async (env, deps) => {
      const { startIdentities } = await import('../ingest/enrolment/main.ts');
      return { role: await startIdentities(env, deps) };
    },
  ),
  broker: entry(
    async () => (await import('../broker/config.ts')).BrokerEnvironment,
    async (env, deps) => {
      const { startBroker } = await import('../broker/main.ts');
      const role = await startBroker(env, deps);
      return { role, address: role.url };
    },
  ),
  ingest: entry(
    async () => (await import('../ingest/config.ts')).IngestEnvironment,
    async (env, deps) => {
      const { ingestConfig } = await import('../ingest/config.ts');
      const { startIngest } = await import('../ingest/main.ts');
      return { role: await startIngest(ingestConfig(env), deps) };
    },
  ),
  'fare-engine': entry(
    async () => (await import('../fare-engine/config.ts')).FareEngineEnvironment,
    async (env, deps) => {
      const { fareEngineConfig } = await import('../fare-engine/config.ts');
      const { startFareEngine } = await import('../fare-engine/main.ts');
      return { role: await startFareEngine(fareEngineConfig(env), deps) };
    },
  ),
  portal: entry(
    async () => (await import('../portal/config.ts')).PortalConfig,
    async (env, deps) => {
      const { startPortal } = await import('../portal/main.ts');
      const role = await startPortal(env, deps);
      return { role, address: role.url };
    },
  ),
  backup: entry(
    async () => (await import('./backup/backup-role.ts')).BackupEnvironment,
    async (env, deps) => {
      const { backupConfig, startBackup } = await import('./backup/backup-role.ts');
      return { role: startBackup(backupConfig(env), deps) };
    },
  ),
  enrolment: entry(
    async () => (await import('../ingest/enrolment/config.ts')).EnrolmentEnvironment,
    async (env, deps) => {
      const { enrolmentConfig } = await import('../ingest/enrolment/config.ts');
      const { startEnrolment } = await import('../ingest/enrolment/main.ts');
      const role = await startEnrolment(enrolmentConfig(env), deps);
      return { role, address: role.url };
    },
  ),
};

function entry<S extends TObject>(
  schema: () => Promise<S>,
  start: (env: Static<S>, deps: RoleDeps) => Promise<StartedRole>,
): RoleEntry {
  return {
    names: async () => Object.keys((await schema()).properties),
    start: async (env, known, deps) => {
      const config = readEnvironment(await schema(), env, { alsoKnown: known });
      const { KVYTOK_POSTGRES_URL: url } = config as { KVYTOK_POSTGRES_URL?: string };
      if (url !== undefined) await untilItAnswers(url, deps);
      return start(config, deps);
    },
  };
}

/** After a power cut role and database come up together. */
async function untilItAnswers(url: string, { clock, log, stopping }: RoleDeps): Promise<void> {
  await awaitDatabase({
    url,
    log,
    nowMs: clock.monotonicMs,
    chance: Math.random,
    wait: (ms) => delay(ms, true, { signal: stopping }).catch(() => false),
  });
}

/** A role's own value of a shared name: `KVYTOK_INGEST_POSTGRES_URL` stands above `KVYTOK_POSTGRES_URL`. */
const SHARED_NAMES = ['POSTGRES_URL', 'MQTT_URL'];

/** Name of a shared variable as one role alone reads it. */
function ownName(role: RoleName, name: string): string {
  return `KVYTOK_${role.toUpperCase().replaceAll('-', '_')}_${name}`;
}

/**
 * Starts one role from the environment. `together` are all roles of this process: their variables are no strangers.
 * A database that is away is waited for.
 * @throws OperatorError CONFIG_INVALID naming every problem, DATABASE_AWAY
 */
export async function startRole(
  role: RoleName,
  env: Environment,
  together: readonly RoleName[],
  deps: RoleDeps,
): Promise<StartedRole> {
  const known = (await Promise.all(together.map((name) => ROLES[name].names()))).flat();
  const shared = together.flatMap((name) => SHARED_NAMES.map((shared) => ownName(name, shared)));
  const own: Record<string, string | undefined> = { ...env };
  for (const name of SHARED_NAMES) {
    const value = env[ownName(role, name)];
    if (value !== undefined) own[`KVYTOK_${name}`] = value;
  }
  return ROLES[role].start(own, [...known, ...shared, ...COMMON_NAMES], deps);
}

/** Read by the command itself. */
export const COMMON_NAMES: readonly string[] = ['KVYTOK_LOG_LEVEL', 'KVYTOK_DATA_DIR', 'KVYTOK_OPS_LISTEN'];
