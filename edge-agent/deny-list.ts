/**
 * The deny list as a validator keeps it: a signed manifest says which version is current, signed deltas or the chunks
 * of a snapshot lead there, and no message ever leads back. What is missing is named by {@link DenyList.wanted}; what
 * was not asked for is not needed. Messages are taken one after the other, in slices that give way to cards.
 */
import {
  compareVersions,
  type DenyChunk,
  type DenyEntry,
  type DenyManifest,
  openDenyChunk,
  openDenyDelta,
  openDenyGeneration,
  openDenyManifest,
} from '#contracts/deny-list.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import type { DenyListVersion } from '#contracts/record.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import { LISTS } from '#contracts/topics.ts';
import { type DenyState, type DenyStore, StoreFailure } from './ports.ts';

/** Messages that wait to be taken; what comes beyond them is asked for again. */
const WAITING_MAX = 32;
/** Tokens touched by deltas beyond which the next snapshot is fetched instead of carrying them on. */
const TOUCHED_MAX = 100_000;

/** Manifests, one each half minute, for which a snapshot without its hash is left alone. */
const SHUNNED_MANIFESTS = 20;

/** What became of a message. `mismatch`: a whole snapshot did not have the hash that its manifest names. */
export type DenyOutcome = 'applied' | 'kept-aside' | 'not-needed' | 'refused' | 'mismatch' | 'disk-failed';

export interface DenyList {
  /** A list that cannot be read denies nobody: it guards against loss, and a broken disk is no fault of riders. */
  find(tokenId: string): DenyEntry | null;
  state(): DenyState;
  /** Takes a message of the deny list by its topic. Never rejects. */
  receive(topic: string, payload: Uint8Array): Promise<DenyOutcome>;
  /** Topics of what is missing to reach the manifest, in the order in which they are to be given; at most so many. */
  wanted(max: number): string[];
  /** True when the list is not what the newest manifest names. */
  behind(): boolean;
  /** Reads the whole list once in the background; what is damaged becomes wanted. */
  verify(): Promise<boolean>;
  /** Resolves when every message given so far has been taken. */
  settled(): Promise<void>;
  /** Lookups that the disk failed since the start. */
  failedLookups(): number;
  /** Messages refused since the start: bad signature, wrong form, or older than what is known. */
  refusedCount(): number;
}

/** What the list says of a medium under each of its tokens. */
export function denialsOf(
  list: Pick<DenyList, 'find'>,
  ...tokenIds: readonly (string | undefined)[]
): DenyEntry[] {
  return tokenIds.flatMap((tokenId) => (tokenId === undefined ? [] : (list.find(tokenId) ?? [])));
}

/** Keys by which a device believes lists. */
export interface DenyKeys {
  /** Keys of the city that sign lists. */
  readonly lists: PinnedKeys;
  /** Offline keys that begin a generation. */
  readonly generations: PinnedKeys;
}

const DELTA_TOPIC = /\/deltas\/(\d{1,15})\/(\d{1,15})$/;
const CHUNK_TOPIC = /\/snapshots\/(\d{1,15})\/(\d{1,15})\/(\d{1,15})$/;

/** Makes the deny list over its durable rows. `rest` lets cards that wait have their turn. */
export function createDenyList(store: DenyStore, keys: DenyKeys, rest: () => Promise<void>): DenyList {
  return new StoredDenyList(store, keys, rest);
}

class StoredDenyList implements DenyList {
  private readonly store: DenyStore;
  private readonly keys: DenyKeys;
  private readonly rest: () => Promise<void>;
  private manifest: DenyManifest | undefined;
  private lane: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private shunned: { readonly sha256: string; manifestsLeft: number } | undefined;
  private refused = 0;
  private failed = 0;

  constructor(store: DenyStore, keys: DenyKeys, rest: () => Promise<void>) {
    this.store = store;
    this.keys = keys;
    this.rest = rest;
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

  verify(): Promise<boolean> {
    return this.store.verify();
  }

  async settled(): Promise<void> {
    await this.lane;
  }

  refusedCount(): number {
    return this.refused;
  }

  behind(): boolean {
    const { manifest } = this;
    return manifest !== undefined && (this.wantsSnapshot(manifest) || this.isAhead(manifest));
  }

  wanted(max: number): string[] {
    const { manifest } = this;
    if (!manifest) return [];
    const { generation, n, snapshotN } = manifest;
    if (this.wantsSnapshot(manifest)) {
      return this.store.missing(max).map((chunk) => LISTS.denyChunk(generation, snapshotN, chunk));
    }
    const topics: string[] = [];
    for (let next = this.version().n + 1; next <= n && topics.length < max; next++)
      topics.push(LISTS.denyDelta(generation, next));
    return topics;
  }

  receive(topic: string, payload: Uint8Array): Promise<DenyOutcome> {
    if (this.waiting >= WAITING_MAX) return Promise.resolve('not-needed');
    this.waiting++;
    const taken = this.lane.then(() => this.take(topic, payload)).finally(() => this.waiting--);
    this.lane = taken.catch(() => {});
    return taken;
  }

  private async take(topic: string, payload: Uint8Array): Promise<DenyOutcome> {
    try {
      const outcome = await this.dispatch(topic, payload);
      if (outcome === 'refused' || outcome === 'mismatch') this.refused++;
      return outcome;
    } catch (error) {
      if (!(error instanceof StoreFailure)) throw error;
      return 'disk-failed';
    }
  }

  private async dispatch(topic: string, payload: Uint8Array): Promise<DenyOutcome> {
    if (topic === LISTS.denyManifest) return this.onManifest(payload);
    // The topic is not signed: it only saves the work of opening what is not wanted. The signed body decides.
    if (DELTA_TOPIC.test(topic)) return this.isWanted(topic) ? this.onDelta(payload) : 'not-needed';
    if (CHUNK_TOPIC.test(topic)) return this.isWanted(topic) ? this.onChunk(payload) : 'not-needed';
    return 'refused';
  }

  private isWanted(topic: string): boolean {
    const { manifest } = this;
    const chunk = CHUNK_TOPIC.exec(topic);
    if (!manifest || !chunk) return this.wanted(1)[0] === topic;
    const { generation, snapshotN } = manifest;
    return this.wantsSnapshot(manifest) && topic === LISTS.denyChunk(generation, snapshotN, Number(chunk[3]));
  }

  private version(): DenyListVersion {
    return this.store.state().version;
  }

  private isAhead(manifest: DenyManifest): boolean {
    return compareVersions(this.version(), manifest) < 0;
  }

  private async onManifest(payload: Uint8Array): Promise<DenyOutcome> {
    const opened = openDenyManifest(payload, this.keys.lists);
    if (!opened.ok) return 'refused';
    const manifest = opened.value;
    const { floor, vouchedAtMs } = this.store.state();
    if (manifest.snapshotN > manifest.n || compareVersions(manifest, floor) < 0) return 'refused';
    if (this.manifest && compareVersions(manifest, this.manifest) < 0) return 'refused';
    if (!this.mayBegin(manifest, floor.generation)) return 'refused';
    // The same version vouched for earlier says nothing new; a replayed one must not look fresh.
    const known = this.manifest;
    const same = known !== undefined && compareVersions(manifest, known) === 0;
    if (same && manifest.issuedAtMs < known.issuedAtMs) return 'not-needed';
    this.manifest = manifest;
    if (this.wantsSnapshot(manifest) && !this.shuns(manifest)) {
      await this.store.stage(manifest);
      await this.adoptWhenWhole();
    }
    this.vouch();
    const news = !same || manifest.snapshotN !== known.snapshotN;
    return news || this.store.state().vouchedAtMs !== vouchedAtMs ? 'applied' : 'not-needed';
  }

  /** A key that is online may go on within a generation; only an offline one may begin the next. */
  private mayBegin(manifest: DenyManifest, known: number): boolean {
    if (manifest.generation <= Math.max(1, known)) return true;
    const proof = openDenyGeneration(manifest.generationProof ?? '', this.keys.generations);
    return proof.ok && proof.value.generation === manifest.generation;
  }

  private async onDelta(payload: Uint8Array): Promise<DenyOutcome> {
    const opened = openDenyDelta(payload, this.keys.lists);
    if (!opened.ok) return 'refused';
    const { generation, n } = this.version();
    if (opened.value.generation !== generation || opened.value.n !== n + 1) return 'not-needed';
    await this.rest();
    await this.store.applyDelta(opened.value);
    this.vouch();
    return 'applied';
  }

  private async onChunk(payload: Uint8Array): Promise<DenyOutcome> {
    const opened = openDenyChunk(payload, this.keys.lists);
    if (!opened.ok) return 'refused';
    const chunk = opened.value;
    const { manifest } = this;
    if (!manifest || !partOf(chunk, manifest)) return 'not-needed';
    await this.rest();
    if (!(await this.store.stageChunk(chunk, sha256Hex(opened.payload)))) return 'refused';
    return this.adoptWhenWhole();
  }

  private async adoptWhenWhole(): Promise<DenyOutcome> {
    if (this.store.missing(1).length > 0) return 'kept-aside';
    await this.rest();
    if (await this.store.adoptStaged()) {
      this.vouch();
      return 'applied';
    }
    this.shunned = { sha256: this.manifest?.snapshotSha256 ?? '', manifestsLeft: SHUNNED_MANIFESTS };
    return 'mismatch';
  }

  /** A snapshot that did not have its hash is left alone for a while: fetching it at once again would never end. */
  private shuns(manifest: DenyManifest): boolean {
    if (manifest.snapshotSha256 !== this.shunned?.sha256) return false;
    return this.shunned.manifestsLeft-- > 0;
  }

  /**
   * A snapshot is the only way into another generation, the short way when deltas before it are missing, the cure of a
   * damaged one, and the end of too many deltas.
   */
  private wantsSnapshot(manifest: DenyManifest): boolean {
    const { version, base, damaged, touched } = this.store.state();
    const snapshot = { generation: manifest.generation, n: manifest.snapshotN };
    if (compareVersions(version, snapshot) < 0) return true;
    if (damaged) return compareVersions(base, snapshot) <= 0;
    return touched > TOUCHED_MAX && compareVersions(base, snapshot) < 0;
  }

  /** The list is as fresh as the newest manifest whose version it has reached. */
  private vouch(): void {
    const { manifest } = this;
    if (!manifest || this.behind()) return;
    const { vouchedAtMs } = this.store.state();
    if (vouchedAtMs === null || manifest.issuedAtMs > vouchedAtMs)
      this.store.setVouchedAt(manifest.issuedAtMs);
  }
}

function partOf(chunk: DenyChunk, manifest: DenyManifest): boolean {
  return (
    chunk.generation === manifest.generation &&
    chunk.n === manifest.snapshotN &&
    chunk.chunk < manifest.snapshotChunks
  );
}
