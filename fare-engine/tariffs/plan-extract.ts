/** Which tariffs validators are told, and under which version. Pure. */
import { sha256Hex } from '#contracts/hash-chain.ts';
import { type CitySigner, sealEnvelope } from '#contracts/signed-envelope.ts';
import type { TariffExtract } from '#contracts/tariff-extract.ts';
import { extractTariffs } from '#pricing/tariff-extract.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';

/** A package that ended so long ago is told no more: a validator shows the price of a ride that begins now. */
const ENDED_MS = 40 * 86_400_000;

/** An extract as it was published. */
export interface PublishedExtract {
  readonly version: number;
  readonly contentSha256: string;
  readonly keyId: string;
}

/** An extract to be published: new when no row of it is there yet. */
export interface PlannedExtract extends PublishedExtract {
  readonly fresh: boolean;
  readonly sha256: string;
  readonly file: Buffer;
  readonly packages: readonly { packageHash: string; versionId: string; validFromMs: number }[];
}

export interface ExtractSources {
  /** Packages that price at some time, earliest first. */
  readonly packages: readonly TariffPackage[];
  readonly city: { readonly zone: string; readonly dayStart: string };
  readonly signer: CitySigner;
  /** The last one of this database. */
  readonly last: PublishedExtract | null;
  /** What a broker retains by our key: after a restore it may know more than the database. */
  readonly heardVersion: number;
  readonly nowMs: number;
}

/**
 * The same content under the same key keeps version and bytes. Everything else gets a higher version than any before: at
 * least the time in ms, so that a database that was set back still leads on.
 */
export function planExtract(sources: ExtractSources): PlannedExtract {
  const { city, signer, last, heardVersion, nowMs } = sources;
  const told = sources.packages.filter((p, i) => {
    const endMs = p.validUntilMs ?? sources.packages[i + 1]?.validFromMs ?? Number.POSITIVE_INFINITY;
    return endMs > nowMs - ENDED_MS;
  });
  const content = extractTariffs(told, city);
  const contentSha256 = sha256Hex(JSON.stringify(content));
  const same = last !== null && last.contentSha256 === contentSha256 && last.keyId === signer.keyId;
  const fresh = !same || heardVersion > last.version;
  const version = fresh ? Math.max((last?.version ?? 0) + 1, heardVersion + 1, nowMs) : last.version;
  const extract: TariffExtract = { ...content, version };
  const file = sealEnvelope('tariff-extract', extract, signer);
  return {
    fresh,
    version,
    contentSha256,
    keyId: signer.keyId,
    sha256: sha256Hex(file),
    file,
    packages: content.packages.map(({ packageHash, validFromMs }) => ({
      packageHash,
      versionId: told.find(({ hash }) => hash === packageHash)?.tariff.version_id ?? '',
      validFromMs,
    })),
  };
}
