/**
 * Publishes the deny list over MQTT, all topics retained and signed. One engine of a database does it; it goes on from
 * what the broker still has: deltas as facts come, a snapshot when the broker has forgotten or too many deltas have
 * gathered. A snapshot is read and sent chunk by chunk, each acknowledged before the next: a million entries are never
 * in memory, and a slow broker slows the reading down.
 */
import { createPublicKey } from 'node:crypto';
import type pg from 'pg';
import {
  compareVersions,
  type DenyManifest,
  openDenyManifest,
  snapshotSha256,
} from '#contracts/deny-list.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { type CitySigner, sealEnvelope } from '#contracts/signed-envelope.ts';
import { LISTS } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { MqttConnection } from '#platform/mqtt-connection.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import {
  chunksFor,
  type ListVersion,
  needsSnapshot,
  planManifest,
  standing,
} from '../deny-list/plan-publication.ts';
import { createLeaderLock, type LeaderLock } from './leader-lock.ts';
import {
  advanceDenyList,
  forgetLeftOver,
  type ListStatus,
  loadDeltas,
  loadLeftOver,
  loadListStatus,
  noteSnapshot,
  readSnapshot,
  type SnapshotStatus,
} from './postgres-deny-list.ts';
import { recallRetained } from './recall-retained.ts';

/** The manifest is repeated so often that validators know their list is current. */
const MANIFEST_EVERY_MS = 30_000;
const DELTAS_AT_ONCE = 50;
/** Chunks of a snapshot after which news are looked for. */
const CHUNKS_BETWEEN_NEWS = 25;
/** Advisory lock of the one engine that publishes lists. */
export const PUBLISHER_LOCK = 0x6b76_646c;

export interface DenyListPublisher {
  /** One turn: takes in new facts and publishes what changed; gives how many versions the list went on by. */
  turn(): Promise<number>;
  /** Lets another publish. Ask it after the last turn has ended. */
  stop(): Promise<void>;
}

interface PublisherDeps {
  readonly pool: pg.Pool;
  readonly mqtt: MqttConnection;
  readonly signer: CitySigner;
  /** Of {@link PUBLISHER_LOCK}, when it is shared; let go by {@link DenyListPublisher.stop}. */
  readonly lock?: LeaderLock;
  readonly clock: Clock;
  readonly log: Logger;
  /** Named points: `fare.lists.before-send` (every message), `fare.lists.before-manifest`, `fare.lists.after-manifest`. */
  readonly probe?: Probe;
}

/** Makes a publisher; of several on one database one works, the others find nothing to do. */
export function createDenyListPublisher(deps: PublisherDeps): DenyListPublisher {
  return new Publisher(deps);
}

class Publisher implements DenyListPublisher {
  private readonly deps: PublisherDeps;
  private readonly lock;
  private readonly probe: Probe;
  private readonly ownKey;
  /** Manifest that the broker retains; undefined until it is known, null when it has none. */
  private atBroker: DenyManifest | null | undefined;
  /** What the broker was heard to retain last, by whoever published it. */
  private latest: DenyManifest | null = null;
  /** Resolves when something was heard on this connection. */
  private heard = Promise.withResolvers<void>();
  private manifestAtMs = Number.NEGATIVE_INFINITY;
  private complainedAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: PublisherDeps) {
    const { mqtt, signer, pool } = deps;
    this.deps = deps;
    this.probe = deps.probe ?? noProbe;
    this.lock = deps.lock ?? createLeaderLock(pool, PUBLISHER_LOCK);
    this.ownKey = new Map([[signer.keyId, createPublicKey(signer.privateKey)]]);
    mqtt.onLost(() => {
      this.atBroker = undefined;
      this.latest = null;
      this.heard = Promise.withResolvers();
    });
    mqtt
      .subscribe(LISTS.denyManifest, (_topic, payload) => {
        const opened = openDenyManifest(payload, this.ownKey);
        this.hear(opened.ok ? opened.value : null);
      })
      // A broker that does not let us look is treated as one that has nothing.
      .catch(() => this.hear(null));
  }

  /** Every manifest is retained by the broker, ours and that of whoever led before and does not know yet that it is over. */
  private hear(manifest: DenyManifest | null): void {
    this.latest = manifest;
    this.heard.resolve();
    // Validators that come now would be led astray: ours goes out again at the next turn.
    if (this.atBroker && !leadsTo(manifest, this.atBroker)) this.manifestAtMs = Number.NEGATIVE_INFINITY;
  }

  async turn(): Promise<number> {
    const { pool, mqtt, clock } = this.deps;
    if (!mqtt.connected) return 0;
    if (!(await this.lock.held())) {
      this.atBroker = undefined;
      return 0;
    }
    if (this.atBroker === undefined) {
      if (!(await recallRetained(mqtt, this.heard.promise))) return 0;
      this.atBroker = this.latest;
    }
    const before = await loadListStatus(pool);
    // Asked before the list goes on: a number that was published once must never get another content.
    if (standing(before.version, before.snapshot, this.atBroker) === 'ahead') {
      this.complain(before.version);
      return 0;
    }
    const changed = await advanceDenyList(pool, clock.nowMs());
    const status = changed === 0 ? before : await loadListStatus(pool);
    if (standing(status.version, status.snapshot, this.atBroker) === 'lost')
      await this.publishSnapshot(false);
    else if (needsSnapshot(status.version, status.snapshot)) await this.publishSnapshot(true);
    else await this.goOn(status);
    return changed;
  }

  stop(): Promise<void> {
    return this.lock.release();
  }

  private async send(topic: string, payload: Uint8Array): Promise<void> {
    await this.probe('fare.lists.before-send');
    await this.deps.mqtt.publish(topic, payload, { qos: 1, retain: true });
  }

  /** The broker has our snapshot: whatever came after its manifest follows. */
  private async goOn(status: ListStatus): Promise<void> {
    const { version, snapshot } = status;
    if (snapshot === null) return;
    const at = this.atBroker?.n ?? snapshot.n;
    await this.publishDeltas({ generation: version.generation, n: at }, version.n);
    const due = this.deps.clock.monotonicMs() - this.manifestAtMs >= MANIFEST_EVERY_MS;
    if (at < version.n || due) await this.publishManifest(status, snapshot);
    if (status.leftOver > 0) await this.clear(snapshot);
  }

  private async publishDeltas(after: ListVersion, untilN: number): Promise<void> {
    const { pool, signer } = this.deps;
    const { generation } = after;
    for (let { n } = after; n < untilN; ) {
      const deltas = await loadDeltas(pool, { generation, n }, Math.min(DELTAS_AT_ONCE, untilN - n));
      const last = deltas.at(-1);
      if (last === undefined)
        throw new Error(`deltas ${n + 1} to ${untilN} of generation ${generation} are missing`);
      for (const delta of deltas)
        await this.send(LISTS.denyDelta(generation, delta.n), sealEnvelope('deny-delta', delta, signer));
      n = last.n;
    }
  }

  /** Whoever has lost the lead sends nothing more. @throws Error when another may lead by now. */
  private async stillLeading(): Promise<void> {
    if (await this.lock.held()) return;
    this.atBroker = undefined;
    throw new Error('another engine publishes the deny list by now');
  }

  private async publishManifest(status: ListStatus, snapshot: SnapshotStatus): Promise<void> {
    const { signer, clock } = this.deps;
    const { version, entries, generationProof } = status;
    const manifest = planManifest({ version, snapshot, entries, generationProof, issuedAtMs: clock.nowMs() });
    await this.probe('fare.lists.before-manifest');
    await this.stillLeading();
    await this.send(LISTS.denyManifest, sealEnvelope('deny-manifest', manifest, signer));
    await this.probe('fare.lists.after-manifest');
    this.atBroker = manifest;
    this.manifestAtMs = clock.monotonicMs();
  }

  /**
   * `standing`: the broker has an older snapshot of ours, by which validators go on while this one is sent, and news too.
   * Without one no manifest could lead to news before the snapshot is there: they follow it at once.
   */
  private async publishSnapshot(standing: boolean): Promise<void> {
    const { pool, signer, log } = this.deps;
    let version: ListVersion = { generation: 0, n: 0 };
    const hashes: string[] = [];
    await readSnapshot(
      pool,
      async (at, entries) => {
        version = at;
        await noteSnapshot(pool, at, chunksFor(entries), null);
      },
      async (entries) => {
        const chunk = { v: 1, ...version, chunk: hashes.length, entries };
        const topic = LISTS.denyChunk(version.generation, version.n, chunk.chunk);
        await this.send(topic, sealEnvelope('deny-chunk', chunk, signer));
        hashes.push(sha256Hex(JSON.stringify(chunk)));
        if (hashes.length % CHUNKS_BETWEEN_NEWS !== 0) return;
        await this.stillLeading();
        if (standing) await this.newsMeanwhile();
      },
    );
    const replaced = this.atBroker ?? null;
    const snapshot = { ...version, chunks: hashes.length, sha256: snapshotSha256(hashes) };
    await noteSnapshot(pool, version, snapshot.chunks, snapshot.sha256);
    const status = await loadListStatus(pool);
    // A generation begun meanwhile has a snapshot of its own at the next turn.
    if (status.version.generation !== version.generation) return;
    const at = standing ? Math.max(version.n, this.atBroker?.n ?? 0) : version.n;
    await this.publishDeltas({ generation: version.generation, n: at }, status.version.n);
    await this.publishManifest(status, snapshot);
    log.info({ ...version, chunks: snapshot.chunks }, 'fare.deny-list.snapshot');
    await this.clear(snapshot);
    if (replaced !== null && replaced.generation < version.generation) await this.clearNamed(replaced);
  }

  /** A database that was set back does not know all that it had published: the manifest that it replaces does. */
  private async clearNamed({ generation, n, snapshotN, snapshotChunks }: DenyManifest): Promise<void> {
    const nothing = new Uint8Array();
    for (let chunk = 0; chunk < snapshotChunks; chunk++)
      await this.send(LISTS.denyChunk(generation, snapshotN, chunk), nothing);
    for (let at = snapshotN + 1; at <= n; at++) await this.send(LISTS.denyDelta(generation, at), nothing);
  }

  /** A denial does not wait until a large snapshot has gone out. */
  private async newsMeanwhile(): Promise<void> {
    const { pool, clock } = this.deps;
    await advanceDenyList(pool, clock.nowMs());
    const status = await loadListStatus(pool);
    if (status.version.generation === this.atBroker?.generation) await this.goOn(status);
  }

  /** Empty retained messages take the old ones away; nobody needs them once the manifest points elsewhere. */
  private async clear(snapshot: ListVersion): Promise<void> {
    const { pool } = this.deps;
    const nothing = new Uint8Array();
    const { snapshots, deltas } = await loadLeftOver(pool, snapshot);
    for (const { generation, n, chunks } of snapshots)
      for (let chunk = 0; chunk < chunks; chunk++)
        await this.send(LISTS.denyChunk(generation, n, chunk), nothing);
    for (const { generation, n } of deltas) await this.send(LISTS.denyDelta(generation, n), nothing);
    await forgetLeftOver(pool, snapshot);
  }

  /** The broker has a newer list of ours than the database: it was restored, and only a new generation leads on. */
  private complain(version: ListVersion): void {
    const { clock, log } = this.deps;
    if (clock.monotonicMs() - this.complainedAtMs < MANIFEST_EVERY_MS) return;
    this.complainedAtMs = clock.monotonicMs();
    const { generation, n } = this.atBroker ?? { generation: 0, n: 0 };
    log.error({ ...version, published: { generation, n } }, 'fare.deny-list.database-older-than-published');
  }
}

/** Whether who follows a manifest ends where another leads. */
function leadsTo(manifest: DenyManifest | null, ours: DenyManifest): boolean {
  return (
    manifest !== null &&
    compareVersions(manifest, ours) >= 0 &&
    manifest.snapshotN === ours.snapshotN &&
    manifest.snapshotSha256 === ours.snapshotSha256
  );
}
