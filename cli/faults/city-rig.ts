/**
 * A small city whose every role is a real process that can be killed, with wires between them that can fail: real
 * PostgreSQL, the real broker, ingests, fare engines and validators with virtual cards held to them.
 */

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { type CityData, loadCity } from '#platform/city-data.ts';
import { bootstrapDatabase } from '#platform/database.ts';
import { freePort, startEmbeddedPostgres } from '#platform/embedded-postgres.ts';
import { createLogger } from '#platform/logger.ts';
import { migrate } from '#platform/migrate.ts';
import { createPool } from '#platform/postgres.ts';
import { registerDevices } from '../../ingest/main.ts';
import { startChild, type TestChild } from '../../simulators/faults/child-process.ts';
import { shiftedClock } from '../../simulators/faults/shifted-clock.ts';
import type { ValidatorsOrder } from '../../simulators/faults/validators-child.ts';
import { openCityKeys } from '../city/city-keys.ts';
import { deviceFolder, openIdentities } from '../city/identities.ts';
import { createOffice, type InboxCommand } from '../city/office.ts';
import { MIGRATION_SETS } from '../city/open-database.ts';
import { simulateOfficers } from '../city/simulated-officers.ts';
import { enrolRig } from './enrol-rig.ts';
import { environmentsOf, SECOND_WORKERS } from './rig-environments.ts';
import { openWires, type Wires } from './wires.ts';

export const CITY_DIR = fileURLToPath(new URL('../../cities/ternopil', import.meta.url));
/** A working morning under the tariff of 1 August 2024. */
const CITY_NOW_MS = Date.UTC(2025, 9, 14, 4, 0, 0);

const DENY_EVERY_MS = 500;

/** The processes of a rig that runs. `validators` are all devices of the rig in one process. */
export const RIG_PROCESSES = [
  'broker',
  'ingest-1',
  'ingest-2',
  'fare-engine-1',
  'fare-engine-2',
  'validators',
] as const;
/** The backup runs where a test starts it. */
export type RigProcess = (typeof RIG_PROCESSES)[number] | 'backup';

export interface StartOptions {
  /** Point at which it is to be killed, `<point>:<n>`. */
  readonly killAt?: string;
  /** Arguments for Node itself; tests hand in loaders. */
  readonly nodeArgs?: readonly string[];
  /** A program and its arguments that run the process, e.g. a tracer. */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface CityRig {
  readonly data: CityData;
  readonly dataFolder: string;
  readonly auditor: pg.Pool;
  readonly wires: Wires;
  /** Record ids of all greens that any validator showed. */
  readonly greens: Set<string>;
  /** Address of the broker through the validators' wire, and how far the city's clock is from the machine's. */
  readonly mqttUrl: string;
  readonly shiftMs: number;
  /** Registers a further key of a device, as enrolment does for other hardware under its name. */
  enrolKey(deviceId: string, keyId: string, publicKeyPem: string): Promise<void>;
  /** Starts a process; the one of this name must have ended. */
  start(name: RigProcess, options?: StartOptions): TestChild;
  /** The process of this name, if it runs. */
  running(name: RigProcess): TestChild | undefined;
  /** Whether the clerk who reports lost cards rests: nothing new comes while everything is counted. */
  restClerk(rests: boolean): void;
  /** Puts a command into the fare engine's inbox, as the office does. */
  command(command: InboxCommand): Promise<void>;
  nowMs(): number;
  /** kill -9 of the postmaster; {@link healDatabase} starts it again on the same port. */
  killDatabase(): Promise<void>;
  healDatabase(): Promise<void>;
  /** kill -9, and everything of the cluster is gone. */
  destroyDatabase(): Promise<void>;
  /** Where the role `backup` puts its backup. */
  readonly backupFolder: string;
  close(): Promise<void>;
}

export interface RigOptions {
  /** An empty folder, passable for other users; whoever made it removes it. */
  readonly folder: string;
  readonly validators: number;
  readonly cards: number;
  /** Real milliseconds between two cards at one validator. */
  readonly everyMs: number;
  /** Whether somebody reports a card as lost twice a second, so that the deny list is always on its way. */
  readonly denials?: boolean;
  /** Of the chance in the wires. */
  readonly seed: number;
}

const here = (file: string): URL => new URL(file, import.meta.url);
const VALIDATORS = here('../../simulators/faults/validators-child.ts');
const ROLE = here('./role-child.ts');

/** Denies a medium that nobody rides with. */
function denyCommand(n: number, nowMs: number): InboxCommand {
  const tokenId = `k1.${n.toString(16).padStart(32, '0')}`;
  const payload = { tokenId, reason: 'lost', scope: 'all', validFromMs: nowMs, validUntilMs: null };
  return { commandId: crypto.randomUUID(), kind: 'deny-medium', payload };
}

/** Opens the rig; nothing but the database runs yet. */
export async function openCityRig(options: RigOptions): Promise<CityRig> {
  const { folder } = options;
  const log = createLogger({ component: 'rig', level: 'error', pretty: false });
  const all = loadCity(CITY_DIR);
  const data = { ...all, devices: all.devices.slice(0, options.validators) };
  const shiftMs = CITY_NOW_MS - Date.now();
  const clock = shiftedClock(shiftMs);
  const [databasePort, brokerPort] = [await freePort(), await freePort()];
  let server = await startEmbeddedPostgres({ dataDir: folder, log, port: databasePort });
  const secrets = join(folder, 'secrets');
  const keys = openCityKeys(secrets);
  const database = await bootstrapDatabase({
    adminUrl: server.adminUrl,
    database: 'kvytok',
    secretsFile: join(secrets, 'database.json'),
  });
  await migrate({ url: database.migratorUrl, sets: [...MIGRATION_SETS], log });
  const identities = openIdentities(folder, data, keys, `mqtt://127.0.0.1:${brokerPort}`, SECOND_WORKERS);
  const officePool = createPool({
    url: database.url('office_runtime'),
    applicationName: 'rig-office',
    max: 1,
    log,
  });
  const office = createOffice(officePool, 'rig', clock.nowMs);
  await enrolRig(officePool, office, data, identities.devices, clock.nowMs());
  const auditor = createPool({ url: database.url('auditor_runtime'), applicationName: 'rig', max: 2, log });
  const wires = await openWires({ databasePort, brokerPort, seed: options.seed });
  const environments = environmentsOf({
    secrets,
    cityDir: CITY_DIR,
    approvals: await simulateOfficers(folder, data, clock.nowMs()),
    database,
    brokerPort,
    wires,
    shiftMs,
  });
  const cache = join(folder, 'compile-cache');
  mkdirSync(cache, { recursive: true });
  const greens = new Set<string>();
  const running = new Map<RigProcess, TestChild>();
  let starts = 0;
  let denials = 0;
  let clerkRests = false;
  const clerk = setInterval(() => {
    if (clerkRests || options.denials !== true) return;
    denials += 1;
    // The database may be away; the next word is as good as this one.
    void office(denyCommand(denials, clock.nowMs())).catch(() => {});
  }, DENY_EVERY_MS);

  const killDatabase = async (): Promise<void> => {
    process.kill(server.pid, 'SIGKILL');
    await server.stop().catch(() => {});
  };
  const orderOf = (): ValidatorsOrder => ({
    deviceFolders: data.devices.map((d) => deviceFolder(folder, d.deviceId)),
    mqttUrl: wires.url('validators'),
    issuerKeyFile: join(secrets, 'issuer-key.pem'),
    routeId: data.devices[0]?.routeId ?? '',
    cards: options.cards,
    everyMs: options.everyMs,
    seed: starts,
  });

  return {
    data,
    dataFolder: folder,
    auditor,
    wires,
    greens,
    mqttUrl: wires.url('validators'),
    shiftMs,
    async enrolKey(deviceId, keyId, publicKeyPem) {
      await registerDevices(officePool, [{ deviceId, keyId, publicKeyPem, validFromMs: clock.nowMs() }]);
    },
    start(name, { killAt, nodeArgs = [], under = [], env = {} } = {}) {
      starts += 1;
      const validators = name === 'validators';
      const first = validators ? JSON.stringify(orderOf()) : name.replace(/-\d$/, '');
      const child = startChild({
        file: validators ? VALIDATORS : ROLE,
        args: killAt === undefined ? [first] : [first, killAt],
        env: { ...environments[name], NODE_COMPILE_CACHE: cache, ...env },
        nodeArgs,
        under,
        onLine(line) {
          const { green } = JSON.parse(line) as { green?: string };
          if (green !== undefined) greens.add(green);
        },
      });
      running.set(name, child);
      void child.ended.then(() => {
        if (running.get(name) === child) running.delete(name);
      });
      return child;
    },
    running: (name) => running.get(name),
    restClerk(rests) {
      clerkRests = rests;
    },
    command: office,
    nowMs: clock.nowMs,
    backupFolder: join(folder, 'backup'),
    killDatabase,
    async healDatabase() {
      server = await startEmbeddedPostgres({ dataDir: folder, log, port: databasePort });
    },
    async destroyDatabase() {
      await killDatabase();
      rmSync(server.place, { recursive: true, force: true });
    },
    async close() {
      clearInterval(clerk);
      await Promise.all([...running.values()].map((child) => child.kill()));
      await Promise.all([officePool.end(), auditor.end(), wires.stop()]);
      await server.stop();
    },
  };
}
