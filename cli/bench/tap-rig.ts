/** One enrolled validator with a long deny list and no network, for measuring a tap. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  DENY_ENTRIES_MAX,
  type DenyChunk,
  type DenyEntry,
  type DenyManifest,
  snapshotSha256,
} from '#contracts/deny-list.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { loadCity } from '#platform/city-data.ts';
import { openDenyStore } from '../../edge-agent/adapters/deny-store.ts';
import { type CityKeys, openCityKeys } from '../city/city-keys.ts';
import { deviceFolder, openIdentities } from '../city/identities.ts';

const CITY_DIR = join(import.meta.dirname, '../../cities/ternopil');
/** Nothing listens there: the network is down. */
const NO_BROKER = 'mqtt://127.0.0.1:9';
const DEVICE = 'bench-tap';

export interface TapRig {
  readonly deviceDir: string;
  readonly keys: CityKeys;
}

/** Enrols the validator and lays the list into its folder. */
export async function openTapRig(folder: string, entries: number): Promise<TapRig> {
  const keys = openCityKeys(join(folder, 'secrets'));
  const city = loadCity(CITY_DIR);
  const [first] = city.devices;
  if (first === undefined) throw new Error(`${CITY_DIR} has no devices`);
  openIdentities(folder, { ...city, devices: [{ ...first, deviceId: DEVICE }] }, keys, NO_BROKER);
  const deviceDir = deviceFolder(folder, DEVICE);
  if (!existsSync(join(deviceDir, 'device.json'))) throw new Error(`${deviceDir} was not made`);
  await fillDenyList(deviceDir, entries);
  return { deviceDir, keys };
}

/** Entries as a city's snapshot would bring them; their tokens are no card's. */
async function fillDenyList(deviceDir: string, entries: number): Promise<void> {
  if (entries === 0) return;
  const { store } = openDenyStore(deviceDir, { rest: () => Promise.resolve() });
  try {
    const count = Math.ceil(entries / DENY_ENTRIES_MAX);
    const hashes: string[] = [];
    for (let at = 0; at < count; at++) hashes.push(sha256Hex(JSON.stringify(chunkOf(at, entries))));
    const manifest: DenyManifest = {
      v: 1,
      generation: 1,
      n: 1,
      snapshotN: 1,
      snapshotChunks: count,
      snapshotSha256: snapshotSha256(hashes),
      entries,
      issuedAtMs: Date.now(),
    };
    await store.stage(manifest);
    for (let at = 0; at < count; at++)
      if (!(await store.stageChunk(chunkOf(at, entries), hashes[at] as string)))
        throw new Error(`part ${at} of the list was not taken`);
    if (!(await store.adoptStaged())) throw new Error('the list was not taken');
  } finally {
    store.close();
  }
}

function chunkOf(chunk: number, entries: number): DenyChunk {
  const from = chunk * DENY_ENTRIES_MAX;
  const length = Math.min(DENY_ENTRIES_MAX, entries - from);
  const list = Array.from({ length }, (_, at) => entryOf(from + at));
  return { v: 1, generation: 1, n: 1, chunk, entries: list };
}

function entryOf(n: number): DenyEntry {
  // Spread over the whole range, ascending.
  const tokenId = `k1.${(BigInt(n + 1) << 96n).toString(16).padStart(32, '0')}`;
  return { tokenId, reason: 'lost', scope: 'all', validFromMs: 0, validUntilMs: null };
}
