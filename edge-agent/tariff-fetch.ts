/**
 * Fetches the tariff extract that a manifest names, one part after the other. Cards come first; a city that does not
 * answer is asked again with growing patience, and a newer manifest ends the asking for an older file.
 */
import { TARIFF_EXTRACT_BYTES_MAX } from '#contracts/tariff-extract.ts';
import { TARIFF_PART_BYTES, type TariffManifest, tariffParts } from '#contracts/tariff-list.ts';
import { LISTS } from '#contracts/topics.ts';
import type { Logger } from '#platform/logger.ts';
import type { Timers, Uplink } from './ports.ts';
import type { TariffBook } from './tariff-book.ts';

/** How long one part is waited for, real milliseconds. */
const ANSWER_MS = 15_000;
/** How long a city that has nothing for us is left alone; doubles each time in vain. */
const PATIENCE_MS = 5000;
const PATIENCE_MS_MAX = 300_000;

export interface TariffFetcherDeps {
  readonly tariffs: TariffBook;
  readonly uplink: Pick<Uplink, 'fetchList' | 'connected'>;
  readonly timers: Timers;
  readonly log: Logger;
  /** A newer extract was taken. */
  readonly onTaken: () => void;
}

export interface TariffFetcher {
  manifest(payload: Uint8Array): void;
  /** Fetches no more; resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** Makes the fetcher of one device. */
export function createTariffFetcher(deps: TariffFetcherDeps): TariffFetcher {
  const { tariffs, uplink, timers, log } = deps;
  let wanted: TariffManifest | undefined;
  let round: Promise<void> | undefined;
  let cancelPatience: (() => void) | undefined;
  let patienceMs = PATIENCE_MS;
  let stopped = false;

  /** `null`: something did not come, or another manifest came meanwhile. */
  async function fetchFile(manifest: TariffManifest): Promise<Uint8Array | null> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    const count = tariffParts(Math.min(manifest.bytes, TARIFF_EXTRACT_BYTES_MAX));
    for (let part = 0; part < count; part++) {
      const topic = LISTS.tariffPart(manifest.sha256, part);
      const got = await uplink.fetchList(topic, ANSWER_MS).catch(() => null);
      if (got === null || got.length > TARIFF_PART_BYTES || stopped || wanted !== manifest) return null;
      parts.push(got);
      bytes += got.length;
      await timers.rest();
    }
    return bytes === manifest.bytes ? Buffer.concat(parts) : null;
  }

  async function work(): Promise<void> {
    while (!stopped && wanted !== undefined && uplink.connected) {
      const manifest = wanted;
      const file = await fetchFile(manifest);
      if (stopped) return;
      const outcome = file === null ? 'absent' : tariffs.take(file, manifest);
      if (wanted !== manifest) continue;
      if (outcome !== 'taken' && outcome !== 'not-newer') return beWaiting();
      wanted = undefined;
      patienceMs = PATIENCE_MS;
      if (outcome === 'taken') deps.onTaken();
    }
  }

  function beWaiting(): void {
    cancelPatience = timers.after(patienceMs, () => {
      cancelPatience = undefined;
      fetchMore();
    });
    patienceMs = Math.min(PATIENCE_MS_MAX, patienceMs * 2);
  }

  function fetchMore(): void {
    if (round || cancelPatience || stopped) return;
    round = work()
      .catch((err: unknown) => {
        log.error({ err }, 'edge.tariff-extract.fetch-failed');
        if (!stopped) beWaiting();
      })
      .finally(() => {
        round = undefined;
        // What was heard while the last round ended.
        if (wanted !== undefined && uplink.connected) fetchMore();
      });
  }

  return {
    manifest(payload) {
      const { outcome, manifest } = tariffs.hear(payload);
      if (outcome === 'refused' || outcome === 'other')
        log.warn({ outcome }, 'edge.tariff-extract.manifest-refused');
      if (manifest === undefined || (wanted !== undefined && manifest.version < wanted.version)) return;
      if (manifest.sha256 !== wanted?.sha256) wanted = manifest;
      // News, or a new connection, is a reason to ask at once.
      cancelPatience?.();
      cancelPatience = undefined;
      fetchMore();
    },
    async stop() {
      stopped = true;
      cancelPatience?.();
      await round;
    },
  };
}
