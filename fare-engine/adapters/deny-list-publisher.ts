/**
 * Publishes the deny list over MQTT, all topics retained and signed: deltas as facts come, a fresh snapshot at each
 * connection (a broker may have forgotten everything) and whenever too many deltas have gathered.
 */
import type pg from 'pg';
import { type DenyDelta, snapshotSha256 } from '#contracts/deny-list.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { type CitySigner, sealEnvelope } from '#contracts/signed-envelope.ts';
import { LISTS } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { MqttConnection } from '#platform/mqtt-connection.ts';
import { planChunks, planManifest } from '../deny-list/plan-publication.ts';
import { advanceDenyList, loadDenyList, rememberSnapshot } from './postgres-deny-list.ts';

/** Deltas after which a new snapshot is made. */
const DELTAS_MAX = 100;
/** The manifest is repeated so often that validators know their list is current. */
const MANIFEST_EVERY_MS = 30_000;

export interface DenyListPublisher {
  /** One turn: takes in new facts and publishes what changed. Throws when broker or database are away. */
  turn(): Promise<number>;
}

interface Published {
  readonly generation: number;
  n: number;
  entries: number;
  readonly snapshot: { readonly n: number; readonly chunks: number; readonly sha256: string };
  manifestAtMs: number;
}

/** Makes a publisher; one per city does the work, others find nothing to do. */
export function createDenyListPublisher(deps: {
  readonly pool: pg.Pool;
  readonly mqtt: MqttConnection;
  readonly signer: CitySigner;
  readonly clock: Clock;
  readonly log: Logger;
}): DenyListPublisher {
  const { pool, mqtt, signer, clock, log } = deps;
  let published: Published | null = null;
  mqtt.onConnected(() => {
    published = null;
  });

  const send = (topic: string, payload: Uint8Array) => mqtt.publish(topic, payload, { qos: 1, retain: true });

  async function publishManifest(list: Published): Promise<void> {
    const version = { generation: list.generation, n: list.n };
    const manifest = planManifest(version, list.snapshot, list.entries, clock.nowMs());
    await send(LISTS.denyManifest, sealEnvelope('deny-manifest', manifest, signer));
    list.manifestAtMs = clock.monotonicMs();
  }

  async function publishSnapshot(): Promise<Published> {
    const { version, entries, retained } = await loadDenyList(pool);
    const chunks = planChunks(version, entries);
    for (const chunk of chunks) {
      const topic = LISTS.denyChunk(version.generation, version.n, chunk.chunk);
      await send(topic, sealEnvelope('deny-chunk', chunk, signer));
    }
    const sha256 = snapshotSha256(chunks.map((chunk) => sha256Hex(JSON.stringify(chunk))));
    const snapshot = { n: version.n, chunks: chunks.length, sha256 };
    const list: Published = { ...version, entries: entries.length, snapshot, manifestAtMs: 0 };
    await publishManifest(list);
    await rememberSnapshot(pool, snapshot.n, snapshot.chunks);
    await clearRetained(version, retained);
    log.info({ ...version, entries: entries.length, chunks: chunks.length }, 'fare.deny-list.snapshot');
    return list;
  }

  /** Empty retained messages take the old ones away; nobody needs them once the manifest points elsewhere. */
  async function clearRetained(
    version: { generation: number; n: number },
    old: { snapshotN: number; snapshotChunks: number },
  ): Promise<void> {
    const nothing = new Uint8Array();
    if (old.snapshotN === version.n) return;
    for (let chunk = 0; chunk < old.snapshotChunks; chunk++) {
      await send(LISTS.denyChunk(version.generation, old.snapshotN, chunk), nothing);
    }
    const firstDelta = Math.max(old.snapshotN + 1, version.n - 2 * DELTAS_MAX);
    for (let n = firstDelta; n <= version.n; n++) await send(LISTS.denyDelta(version.generation, n), nothing);
  }

  async function publishDeltas(list: Published, deltas: readonly DenyDelta[]): Promise<void> {
    for (const delta of deltas) {
      await send(LISTS.denyDelta(delta.generation, delta.n), sealEnvelope('deny-delta', delta, signer));
      list.n = delta.n;
    }
    const { rows } = await pool.query<{ entries: bigint }>(
      'SELECT count(*) AS entries FROM fare.deny_published',
    );
    list.entries = Number(rows[0]?.entries ?? 0n);
    await publishManifest(list);
  }

  return {
    async turn() {
      if (!mqtt.connected) return 0;
      const deltas = await advanceDenyList(pool, clock.nowMs());
      const list = published;
      published = null;
      // From here on a failure leads to a fresh snapshot at the next turn.
      if (list === null || list.n - list.snapshot.n + deltas.length > DELTAS_MAX) {
        published = await publishSnapshot();
        return deltas.length;
      }
      const first = deltas[0];
      if (first !== undefined && (first.n !== list.n + 1 || first.generation !== list.generation)) return 0;
      if (deltas.length > 0) await publishDeltas(list, deltas);
      else if (clock.monotonicMs() - list.manifestAtMs >= MANIFEST_EVERY_MS) await publishManifest(list);
      published = list;
      return deltas.length;
    },
  };
}
