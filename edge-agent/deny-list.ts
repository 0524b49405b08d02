/**
 * The deny list as a validator keeps it: a signed manifest says which version is current, signed deltas or the chunks
 * of a snapshot lead there, and no message ever leads back.
 */
import { createHash } from 'node:crypto';
import {
  compareVersions,
  type DenyChunk,
  type DenyDelta,
  type DenyEntry,
  type DenyManifest,
  openDenyChunk,
  openDenyDelta,
  openDenyManifest,
} from '#contracts/deny-list.ts';
import type { DenyListVersion } from '#contracts/record.ts';
import type { PinnedKeys, SignedEnvelope } from '#contracts/signed-envelope.ts';
import { LISTS } from '#contracts/topics.ts';
import { type DenyState, type DenyStore, StoreFailure } from './ports.ts';

/** Deltas that came too early are kept aside up to this many entries; beyond it they are asked for again. */
const EARLY_ENTRIES_MAX = 20_000;

/** What became of a message. */
export type DenyOutcome = 'applied' | 'kept-aside' | 'not-needed' | 'refused' | 'disk-failed';

export interface DenyList {
  /** A list that cannot be read denies nobody: it guards against loss, and a broken disk is no fault of riders. */
  find(tokenId: string): DenyEntry | null;
  state(): DenyState;
  /** Takes a message of the deny list by its topic. */
  receive(topic: string, payload: Uint8Array): DenyOutcome;
  /** True when the manifest names a version that what has come so far does not reach. */
  behind(): boolean;
  /** Lookups that the disk failed since the start. */
  failedLookups(): number;
  /** Messages refused since the start: bad signature, wrong form, or older than what is known. */
  refusedCount(): number;
}

const DELTA_TOPIC = /\/deltas\/(\d{1,15})\/(\d{1,15})$/;
const CHUNK_TOPIC = /\/snapshots\/(\d{1,15})\/(\d{1,15})\/(\d{1,15})$/;

/** Makes the deny list over its durable rows. `keys` are the city's list keys pinned in the device. */
export function createDenyList(store: DenyStore, keys: PinnedKeys): DenyList {
  return new StoredDenyList(store, keys);
}

class StoredDenyList implements DenyList {
  private readonly store: DenyStore;
  private readonly keys: PinnedKeys;
  private manifest: DenyManifest | undefined;
  private readonly early = new Map<string, DenyDelta>();
  private earlyEntries = 0;
  private refused = 0;
  private failed = 0;

  constructor(store: DenyStore, keys: PinnedKeys) {
    this.store = store;
    this.keys = keys;
  }

  find(tokenId: string): DenyEntry | null {
    try {
      return this.store.find(tokenId);
    } catch (error) {
      if (!(error instanceof StoreFailure)) throw error;
      this.failed++;
      return null;
    }
  }

  failedLookups(): number {
    return this.failed;
  }

  state(): DenyState {
    return this.store.state();
  }

  behind(): boolean {
    return this.manifest !== undefined && compareVersions(this.version(), this.manifest) < 0;
  }

  refusedCount(): number {
    return this.refused;
  }

  receive(topic: string, payload: Uint8Array): DenyOutcome {
    try {
      const outcome = this.dispatch(topic, payload);
      if (outcome === 'refused') this.refused++;
      return outcome;
    } catch (error) {
      if (!(error instanceof StoreFailure)) throw error;
      return 'disk-failed';
    }
  }

  private dispatch(topic: string, payload: Uint8Array): DenyOutcome {
    if (topic === LISTS.denyManifest) return this.onManifest(payload);
    // The topic is not signed: it only saves the work of opening what cannot be new. The signed body decides.
    const delta = DELTA_TOPIC.exec(topic);
    if (delta) return this.isNew(delta) ? this.onDelta(payload) : 'not-needed';
    const chunk = CHUNK_TOPIC.exec(topic);
    if (chunk) return this.isNew(chunk) ? this.onChunk(payload) : 'not-needed';
    return 'refused';
  }

  private isNew(match: RegExpExecArray): boolean {
    return compareVersions({ generation: Number(match[1]), n: Number(match[2]) }, this.version()) > 0;
  }

  private version(): DenyListVersion {
    return this.store.state().version;
  }

  private onManifest(payload: Uint8Array): DenyOutcome {
    const opened = openDenyManifest(payload, this.keys);
    if (!opened.ok) return 'refused';
    const manifest = opened.value;
    const known = this.manifest ?? this.version();
    const order = compareVersions(manifest, known);
    if (order < 0 || compareVersions(manifest, this.version()) < 0) return 'refused';
    // The same version vouched for earlier says nothing new; a replayed one must not look fresh.
    const vouched = this.store.state().vouchedAtMs;
    if (order === 0 && this.manifest && manifest.issuedAtMs < this.manifest.issuedAtMs) return 'not-needed';
    this.manifest = manifest;
    this.dropForeignEarly();
    this.advance();
    if (vouched !== null && manifest.issuedAtMs <= vouched) return 'not-needed';
    return 'applied';
  }

  private onDelta(payload: Uint8Array): DenyOutcome {
    const opened = openDenyDelta(payload, this.keys);
    if (!opened.ok) return 'refused';
    const delta = opened.value;
    if (compareVersions(delta, this.version()) <= 0) return 'not-needed';
    const key = keyOf(delta);
    if (!this.early.has(key)) {
      const entries = delta.add.length + delta.remove.length;
      if (this.earlyEntries + entries > EARLY_ENTRIES_MAX && !this.isNext(delta)) return 'not-needed';
      this.early.set(key, delta);
      this.earlyEntries += entries;
    }
    return this.advance() ? 'applied' : 'kept-aside';
  }

  private onChunk(payload: Uint8Array): DenyOutcome {
    const opened = openDenyChunk(payload, this.keys);
    if (!opened.ok) return 'refused';
    const chunk = opened.value;
    // Without a manifest nobody knows how many chunks there are; the retained ones come again when asked for.
    if (!this.manifest || !this.wantsSnapshot(this.manifest) || !partOf(chunk, this.manifest))
      return 'not-needed';
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
    this.store.stageChunk(chunk, (JSON.parse(text) as SignedEnvelope).payload);
    return this.advance() ? 'applied' : 'kept-aside';
  }

  /** Goes as far towards the manifest's version as what is here allows; says whether it moved. */
  private advance(): boolean {
    let moved = false;
    if (this.manifest && this.wantsSnapshot(this.manifest)) moved = this.adoptSnapshot(this.manifest);
    for (let next = this.nextDelta(); next; next = this.nextDelta()) {
      this.store.applyDelta(next);
      this.forgetEarly(next);
      moved = true;
    }
    this.vouch();
    return moved;
  }

  /** A snapshot is the only way into another generation, and the short way when deltas before it are missing. */
  private wantsSnapshot(manifest: DenyManifest): boolean {
    const snapshot = { generation: manifest.generation, n: manifest.snapshotN };
    return compareVersions(this.version(), snapshot) < 0;
  }

  private adoptSnapshot(manifest: DenyManifest): boolean {
    const version = { generation: manifest.generation, n: manifest.snapshotN };
    if (manifest.snapshotChunks > 0 && this.store.stagedChunks(version) < manifest.snapshotChunks)
      return false;
    const hash = createHash('sha256');
    for (let i = 0; i < manifest.snapshotChunks; i++) {
      const payload = this.store.stagedPayload(version, i);
      if (payload === null) return false;
      hash.update(payload);
    }
    if (hash.digest('hex') !== manifest.snapshotSha256) {
      this.store.dropStaged();
      this.refused++;
      return false;
    }
    this.store.adoptStaged(version);
    return true;
  }

  private nextDelta(): DenyDelta | undefined {
    const { generation, n } = this.version();
    return this.early.get(keyOf({ generation, n: n + 1 }));
  }

  private isNext(delta: DenyDelta): boolean {
    const { generation, n } = this.version();
    return delta.generation === generation && delta.n === n + 1;
  }

  private forgetEarly(delta: DenyDelta): void {
    if (this.early.delete(keyOf(delta))) this.earlyEntries -= delta.add.length + delta.remove.length;
  }

  private dropForeignEarly(): void {
    for (const delta of this.early.values()) {
      if (compareVersions(delta, this.version()) <= 0) this.forgetEarly(delta);
    }
  }

  /** The list is as fresh as the newest manifest whose version it has reached. */
  private vouch(): void {
    const { manifest } = this;
    if (!manifest || compareVersions(this.version(), manifest) < 0) return;
    const vouchedAtMs = this.store.state().vouchedAtMs;
    if (vouchedAtMs === null || manifest.issuedAtMs > vouchedAtMs)
      this.store.setVouchedAt(manifest.issuedAtMs);
  }
}

function keyOf(version: DenyListVersion): string {
  return `${version.generation}/${version.n}`;
}

function partOf(chunk: DenyChunk, manifest: DenyManifest): boolean {
  return (
    chunk.generation === manifest.generation &&
    chunk.n === manifest.snapshotN &&
    chunk.chunk < manifest.snapshotChunks
  );
}
