/**
 * How the tariff extract travels to validators: a small signed manifest, retained, says which version is current; the
 * file itself lies beside it in parts, named by its hash, and is asked for by devices that lack it. The parts need no
 * signature of their own: together they are the file, and that is signed.
 */
import { type Static, Type } from 'typebox';
import { InstantMs, Sha256Hex } from './ids.ts';
import { envelopeOpener } from './signed-envelope.ts';
import { TARIFF_EXTRACT_BYTES_MAX, TariffVersion } from './tariff-extract.ts';

/** Bytes of every part but the last; a part fits into a packet of every broker. */
export const TARIFF_PART_BYTES = 96 * 1024;

export const TariffManifest = Type.Object({
  v: Type.Literal(1),
  /** Grows with each change; a device never goes back. */
  version: TariffVersion,
  /** SHA-256 of the file, which also names the parts. */
  sha256: Sha256Hex,
  bytes: Type.Integer({ minimum: 1, maximum: TARIFF_EXTRACT_BYTES_MAX }),
  issuedAtMs: InstantMs,
});
export type TariffManifest = Static<typeof TariffManifest>;

/** Opens a signed manifest. */
export const openTariffManifest = envelopeOpener('tariff-manifest', TariffManifest);

/** How many parts a file of so many bytes has. */
export function tariffParts(bytes: number): number {
  return Math.ceil(bytes / TARIFF_PART_BYTES);
}
