/** Broker and fare engine as processes on one database, real agents in this one: the way of a denial. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type pg from 'pg';
import { type CityData, loadCity } from '#platform/city-data.ts';
import { createLogger } from '#platform/logger.ts';
import {
  createInProcessCardReader,
  type InProcessCardReader,
} from '../../edge-agent/adapters/in-process-card-reader.ts';
import { type EdgeRole, startEdge } from '../../edge-agent/main.ts';
import { cardTokenId } from '../../simulators/cards/issue-card.ts';
import { createVirtualCard } from '../../simulators/cards/virtual-card.ts';
import { type CityKeys, openCityKeys } from '../city/city-keys.ts';
import { deviceFolder, LISTS_CLIENT, openIdentities } from '../city/identities.ts';
import { createOffice } from '../city/office.ts';
import { simulateOfficers } from '../city/simulated-officers.ts';
import { type BenchDatabase, openBenchDatabase } from './bench-database.ts';
import { type RoleProcess, startRoleProcess } from './start-role.ts';

/** One validator with its reader. */
export interface BenchValidator {
  readonly edge: EdgeRole;
  /** Holds card `n` to it; true when it was refused as denied. */
  refuses(n: number): Promise<boolean>;
}

export interface DenialsRig {
  readonly validators: readonly BenchValidator[];
  /** Denies card `n`; resolves when the command is committed. */
  deny(n: number): Promise<void>;
  /** Puts entries into the published list, as if they had been denied long ago. Before `startFareEngine`. */
  fill(entries: number): Promise<void>;
  startFareEngine(): Promise<void>;
  stop(): Promise<void>;
}

const CITY_DIR = join(import.meta.dirname, '../../cities/ternopil');

/** Starts broker, database and agents; lists are published from `startFareEngine` on. */
export async function openDenialsRig(folder: string, agents: number, shiftMs: number): Promise<DenialsRig> {
  const keys = openCityKeys(join(folder, 'secrets'));
  const data = fleetOf(agents);
  const closers: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const database = await openBenchDatabase(folder);
    closers.push(() => database.stop());
    const { file } = openIdentities(folder, data, keys, 'mqtt://127.0.0.1:1');
    const path = { PATH: process.env['PATH'] ?? '' };
    const broker = await startRoleProcess(
      'broker',
      { ...path, KVYTOK_BROKER_LISTEN: '127.0.0.1:0', KVYTOK_BROKER_IDENTITIES: file },
      shiftMs,
    );
    closers.push(() => broker.stop());
    const { listsSecretFile } = openIdentities(folder, data, keys, broker.address);
    const validators: BenchValidator[] = [];
    for (const { deviceId } of data.devices) {
      const validator = await startValidator(deviceFolder(folder, deviceId), keys, shiftMs);
      closers.push(() => validator.edge.stop());
      validators.push(validator);
    }
    const office = createOffice(database.pool('office_runtime'), 'bench', () => Date.now() + shiftMs);
    return {
      validators,
      deny: (n) => office(denialOf(n, keys)),
      fill: (entries) => fillList(database.pool('fare_runtime'), entries),
      async startFareEngine() {
        const approvals = await simulateOfficers(folder, data, Date.now() + shiftMs);
        const officers = {
          KVYTOK_OFFICERS_FILE: approvals.officersFile,
          KVYTOK_TARIFF_APPROVALS_DIR: approvals.dir,
        };
        const secrets = { listsSecretFile, keyFile: join(folder, 'secrets', 'lists-key.pem') };
        const engine = await startRoleProcess(
          'fare-engine',
          { ...path, ...engineEnvironment(database, broker, secrets, keys), ...officers },
          shiftMs,
        );
        closers.push(() => engine.stop());
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** As many devices as are asked for, in the city's own data. */
function fleetOf(agents: number): CityData {
  const city = loadCity(CITY_DIR);
  const [first] = city.devices;
  if (first === undefined) throw new Error(`${CITY_DIR} has no devices`);
  const devices = Array.from({ length: agents }, (_, at) => ({ ...first, deviceId: `bench-${at + 1}` }));
  return { ...city, devices };
}

function mediumId(n: number): Buffer {
  const id = Buffer.alloc(16);
  id.writeUInt32BE(n, 12);
  return id;
}

async function startValidator(deviceDir: string, keys: CityKeys, shiftMs: number): Promise<BenchValidator> {
  const reader: InProcessCardReader = createInProcessCardReader(deviceDir);
  const edge = await startEdge(
    { deviceDir },
    {
      clock: { nowMs: () => Date.now() + shiftMs, monotonicMs: () => performance.now() },
      log: createLogger({ component: 'bench-edge', level: 'error' }),
      reader,
    },
  );
  let denied = false;
  edge.agent.onAnswer(({ reason }) => {
    denied = reason === 'CARD_BLOCKED';
  });
  return {
    edge,
    async refuses(n) {
      const card = {
        mediumKind: 'wallet',
        mediumId: mediumId(n),
        validFromS: 0,
        validUntilS: 0xffff_ffff,
      } as const;
      await reader.present(createVirtualCard({ ...card, language: 'uk', issuer: keys.issuer }));
      return denied;
    },
  };
}

function denialOf(n: number, { tokenKey }: CityKeys) {
  const tokenId = cardTokenId(mediumId(n), tokenKey);
  const payload = { tokenId, reason: 'lost', scope: 'all', validFromMs: 0 };
  return { commandId: randomUUID(), kind: 'deny-medium', payload };
}

function engineEnvironment(
  database: BenchDatabase,
  broker: RoleProcess,
  secrets: { listsSecretFile: string; keyFile: string },
  keys: CityKeys,
): Record<string, string> {
  return {
    KVYTOK_POSTGRES_URL: database.url('fare_runtime'),
    KVYTOK_CITY_DIR: CITY_DIR,
    KVYTOK_MQTT_URL: broker.address,
    KVYTOK_LISTS_CLIENT_ID: LISTS_CLIENT,
    KVYTOK_LISTS_MQTT_SECRET_FILE: secrets.listsSecretFile,
    KVYTOK_LISTS_KEY_FILE: secrets.keyFile,
    KVYTOK_LISTS_KEY_ID: keys.lists.keyId,
  };
}

async function fillList(pool: pg.Pool, entries: number): Promise<void> {
  const AT_ONCE = 100_000;
  for (let from = 0; from < entries; from += AT_ONCE) {
    await pool.query(
      `INSERT INTO fare.deny_published (token_id, entry)
       SELECT token, json_build_object('tokenId', token, 'reason', 'lost', 'scope', 'all', 'validFromMs', 1760000000000,
         'validUntilMs', null)
       FROM (SELECT 'k1.' || md5(n::text) AS token FROM generate_series($1::int, $2::int) AS n) AS made`,
      [from + 1, Math.min(entries, from + AT_ONCE)],
    );
  }
  await pool.query('UPDATE fare.deny_list SET n = 1, entries = $1', [entries]);
}
