/**
 * The deny list on a device's disk: a snapshot that never changes (`deny-list.bin`), the deltas after it
 * (`deny-list.db`), and the next snapshot while it comes in (`deny-list.bin.new`). A crash at any point leaves the old
 * list or the new one: the file's own head says which it is, and the overlay is fitted to it at the next start.
 */
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { DenyChunk, DenyDelta, DenyEntry, DenyManifest } from '#contracts/deny-list.ts';
import type { DenyListVersion } from '#contracts/record.ts';
import { systemCode } from '#platform/errors.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import { type DenyState, type DenyStore, StoreFailure } from '../ports.ts';
import { type DenyOverlay, openDenyOverlay } from './deny-overlay.ts';
import { DamagedBlock, DenySnapshot, type SnapshotName } from './deny-snapshot.ts';
import { DenyStaging } from './deny-staging.ts';

export interface DenyStoreOptions {
  /** Lets cards that wait have their turn; asked for between slices of longer work. */
  readonly rest: () => Promise<void>;
  readonly probe?: Probe;
}

/** Lookups between two rests: each reads one block, some ten microseconds. */
const LOOKUPS_AT_ONCE = 50;
const NOTHING: DenyListVersion = { generation: 0, n: 0 };

/** Opens the list in a device folder. `replaced` says that a part was unreadable and is fetched again. */
export function openDenyStore(
  dir: string,
  options: DenyStoreOptions,
): { store: DenyStore; replaced: boolean } {
  const { overlay, replaced } = openDenyOverlay(join(dir, 'deny-list.db'));
  try {
    const base = DenySnapshot.open(join(dir, 'deny-list.bin'));
    const store = new FileDenyStore(dir, options, overlay, base === 'damaged' ? null : base);
    return { store, replaced: replaced || base === 'damaged' };
  } catch (error) {
    overlay.close();
    throw error;
  }
}

class FileDenyStore implements DenyStore {
  private readonly dir: string;
  private readonly options: DenyStoreOptions;
  private readonly overlay: DenyOverlay;
  private base: DenySnapshot | null;
  private staging: DenyStaging | undefined;
  private damaged = false;
  private closed = false;

  constructor(dir: string, options: DenyStoreOptions, overlay: DenyOverlay, base: DenySnapshot | null) {
    this.dir = dir;
    this.options = options;
    this.overlay = overlay;
    this.base = base;
    this.fit();
  }

  /** After a crash between the new file's name and the overlay's commit the file is right. */
  private fit(): void {
    const base = this.base?.name ?? NOTHING;
    const known = this.overlay.state();
    if (sameVersion(known.base, base)) return;
    const version = versionOver(known, base);
    let entries = this.base?.entries ?? 0;
    if (version.n > base.n)
      for (const { token, denied } of this.overlay.touchedAfter(base.n))
        entries += Number(denied) - Number(this.inBase(token, this.base));
    this.overlay.rebase(base, version, entries);
  }

  state(): DenyState {
    return { ...this.overlay.state(), touched: this.overlay.rows(), damaged: this.damaged };
  }

  find(tokenId: string): DenyEntry | null {
    const answer = this.overlay.find(tokenId);
    if (answer === 'removed') return null;
    if (answer !== undefined) return answer;
    try {
      return this.base?.find(tokenId) ?? null;
    } catch (error) {
      throw this.diskFailure(error);
    }
  }

  async applyDelta(delta: DenyDelta): Promise<void> {
    const after = new Map<string, boolean>();
    for (const token of delta.remove) after.set(token, false);
    for (const { tokenId } of delta.add) after.set(tokenId, true);
    let { entries } = this.overlay.state();
    let looked = 0;
    for (const [token, denied] of after) {
      if (++looked % LOOKUPS_AT_ONCE === 0) await this.options.rest();
      const before = this.overlay.find(token);
      const wasDenied = before === undefined ? this.inBase(token, this.base) : before !== 'removed';
      entries += Number(denied) - Number(wasDenied);
    }
    this.overlay.apply(delta, Math.max(0, entries));
    await this.options.probe?.('edge.deny.after-delta');
  }

  setVouchedAt(ms: number): void {
    this.overlay.setVouchedAt(ms);
  }

  async stage(manifest: DenyManifest): Promise<void> {
    const { generation, snapshotN: n, snapshotChunks: chunks, snapshotSha256: sha256 } = manifest;
    const name: SnapshotName = { generation, n, chunks, sha256 };
    const now = this.staging;
    if (now && JSON.stringify(now.name) === JSON.stringify(name)) return;
    await this.disk(async () => {
      await this.dropStaged();
      this.staging = await DenyStaging.open(join(this.dir, 'deny-list.bin.new'), name, this.options.rest);
    });
  }

  missing(max: number): number[] {
    return this.staging?.missing(max) ?? [];
  }

  async stageChunk(chunk: DenyChunk, payloadSha256: string): Promise<boolean> {
    const { staging } = this;
    if (!staging || staging.name.generation !== chunk.generation || staging.name.n !== chunk.n) return false;
    const good = await this.disk(() => staging.put(chunk.chunk, chunk.entries, payloadSha256));
    await this.options.probe?.('edge.deny.after-chunk');
    return good;
  }

  async adoptStaged(): Promise<boolean> {
    const { staging } = this;
    if (!staging) return false;
    const good = await this.disk(() => staging.finish());
    if (!good) {
      await this.dropStaged();
      return false;
    }
    this.staging = undefined;
    const probe = this.options.probe ?? noProbe;
    await probe('edge.deny.before-rename');
    const path = join(this.dir, 'deny-list.bin');
    await this.disk(async () => {
      await rename(`${path}.new`, path);
      const folder = await open(this.dir, 'r');
      await folder.sync().finally(() => folder.close());
    });
    await probe('edge.deny.after-rename');
    await this.takeFile(path);
    await probe('edge.deny.after-adopt');
    return true;
  }

  /** From here on lookups go to the new file; until the last line they went to the old one, which is still open. */
  private async takeFile(path: string): Promise<void> {
    const fresh = DenySnapshot.open(path);
    if (fresh === null || fresh === 'damaged')
      throw new StoreFailure('the new deny list cannot be read back');
    const version = versionOver(this.overlay.state(), fresh.name);
    let entries = fresh.entries;
    if (version.n > fresh.name.n) {
      let looked = 0;
      for (const { token, denied } of this.overlay.touchedAfter(fresh.name.n)) {
        if (++looked % LOOKUPS_AT_ONCE === 0) await this.options.rest();
        entries += Number(denied) - Number(this.inBase(token, fresh));
      }
    }
    this.overlay.rebase(fresh.name, version, entries);
    this.base?.close();
    this.base = fresh;
    this.damaged = false;
  }

  async dropStaged(): Promise<void> {
    const { staging } = this;
    this.staging = undefined;
    await staging?.discard().catch(() => {});
  }

  async verify(): Promise<boolean> {
    const { base } = this;
    for (let block = 0; base && block < base.name.chunks; block++) {
      await this.options.rest();
      if (this.closed || this.base !== base) break;
      try {
        base.verify(block);
      } catch (error) {
        this.diskFailure(error);
      }
    }
    return !this.damaged;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.overlay.close();
    this.base?.close();
    this.base = null;
    void this.staging?.close().catch(() => {});
    this.staging = undefined;
  }

  private inBase(token: string, base: DenySnapshot | null): boolean {
    try {
      return base !== null && base.find(token) !== null;
    } catch (error) {
      this.diskFailure(error);
      return false;
    }
  }

  /** A block that is damaged or cannot be read makes the whole file one that is fetched again. */
  private diskFailure(error: unknown): unknown {
    if (!(error instanceof DamagedBlock) && systemCode(error) === undefined) return error;
    this.damaged = true;
    return new StoreFailure(`the deny list cannot be read: ${(error as Error).message}`, { cause: error });
  }

  /** Work on the staged file: after a failure of the disk it is begun anew from what is whole. */
  private async disk<T>(work: () => Promise<T>): Promise<T> {
    if (this.closed) throw new StoreFailure('the deny list is closed');
    try {
      return await work();
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      await this.staging?.close().catch(() => {});
      this.staging = undefined;
      throw new StoreFailure((error as Error).message, { cause: error });
    }
  }
}

function sameVersion(a: DenyListVersion, b: DenyListVersion): boolean {
  return a.generation === b.generation && a.n === b.n;
}

/** Version of the known deltas over a snapshot: theirs where they reach beyond it without a gap, else the snapshot's. */
function versionOver(
  known: { readonly version: DenyListVersion; readonly base: DenyListVersion },
  base: DenyListVersion,
): DenyListVersion {
  const { version } = known;
  const oneGeneration = version.generation === base.generation && known.base.generation === base.generation;
  const noGap = oneGeneration && known.base.n <= base.n && base.n <= version.n;
  return noGap ? version : { generation: base.generation, n: base.n };
}
