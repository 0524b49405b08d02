/**
 * The tariffs that a validator previews by. It keeps the file that its city signed, whole, and takes a newer one only:
 * neither a replayed manifest nor a broker that was set back leads to yesterday's prices. A package that begins
 * tomorrow is in it today; the tap's date chooses.
 */
import { sha256Hex } from '#contracts/hash-chain.ts';
import { describeProblems } from '#contracts/parse.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import { openTariffExtract } from '#contracts/tariff-extract.ts';
import { openTariffManifest, type TariffManifest } from '#contracts/tariff-list.ts';
import type { Logger } from '#platform/logger.ts';
import { type DeviceTariffs, openExtract } from '#pricing/tariff-extract.ts';

/** Where the file lies. A crash leaves the old one or the new one. */
export interface TariffStore {
  /** `null` = there is none. Throws when it cannot be read or is too large. */
  read(): Uint8Array | null;
  /** Resolves durably or throws with the old one in place. */
  write(bytes: Uint8Array): void;
}

export interface HeldTariffs {
  readonly version: number;
  readonly sha256: string;
}

/** `not-newer`: held already, or older; `other`: the held version under another hash, which no honest city signs. */
export type ManifestOutcome = 'wanted' | 'not-newer' | 'other' | 'refused';
export type ExtractOutcome = 'taken' | 'not-newer' | 'refused' | 'disk-failed';

export interface TariffBook {
  /** `undefined` = none that is believed: cards are answered all the same. */
  current(): DeviceTariffs | undefined;
  held(): HeldTariffs | undefined;
  /** Judges a manifest; `manifest` where its file is to be fetched. */
  hear(payload: Uint8Array): { readonly outcome: ManifestOutcome; readonly manifest?: TariffManifest };
  /** Takes the file of a manifest that was heard. */
  take(bytes: Uint8Array, manifest: TariffManifest): ExtractOutcome;
}

interface Held extends HeldTariffs {
  readonly tariffs: DeviceTariffs;
}

/** Opens what the store holds; the log says why something is not believed. `keys` sign lists. */
export function openTariffBook(store: TariffStore, keys: PinnedKeys, log: Logger): TariffBook {
  let held = openHeld(store, keys, log);

  function take(bytes: Uint8Array, manifest: TariffManifest): ExtractOutcome {
    if (manifest.version <= (held?.version ?? -1)) return 'not-newer';
    let next: Held;
    try {
      next = openBytes(bytes, keys);
      if (next.version !== manifest.version || next.sha256 !== manifest.sha256)
        throw new Error('it is another than the manifest names');
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'edge.tariff-extract.not-believed');
      return 'refused';
    }
    try {
      store.write(bytes);
    } catch (error) {
      log.warn({ reason: (error as Error).message }, 'edge.tariff-extract.not-kept');
      return 'disk-failed';
    }
    held = next;
    log.info({ version: next.version, sha256: next.sha256 }, 'edge.tariff-extract.taken');
    return 'taken';
  }

  return {
    current: () => held?.tariffs,
    held: () => held && { version: held.version, sha256: held.sha256 },
    hear(payload) {
      const opened = openTariffManifest(payload, keys);
      if (!opened.ok) return { outcome: 'refused' };
      const manifest = opened.value;
      const own = held?.version ?? -1;
      if (manifest.version > own) return { outcome: 'wanted', manifest };
      const same = manifest.version < own || manifest.sha256 === held?.sha256;
      return { outcome: same ? 'not-newer' : 'other' };
    },
    take,
  };
}

function openHeld(store: TariffStore, keys: PinnedKeys, log: Logger): Held | undefined {
  try {
    const bytes = store.read();
    return bytes === null ? undefined : openBytes(bytes, keys);
  } catch (error) {
    log.warn({ reason: (error as Error).message }, 'edge.tariff-extract.not-believed');
    return undefined;
  }
}

/** @throws Error when no pinned key has signed it, or what was signed is no tariff. */
function openBytes(bytes: Uint8Array, keys: PinnedKeys): Held {
  const opened = openTariffExtract(bytes, keys);
  if (!opened.ok) throw new Error(describeProblems(opened.problems));
  const { version = 0 } = opened.value;
  return { version, sha256: sha256Hex(bytes), tariffs: openExtract(opened.value) };
}
