/** Bundles of claims without a database: a fold's claims, a log of their rides and of strangers, and the files over both. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { formatCheckpoint, formatProof } from '#contracts/audit-log.ts';
import { type NoteVerifier, noteVerifier, signNote } from '#contracts/signed-note.ts';
import type { CompensationRow } from '#pricing/compensation.ts';
import { blocksBetween } from '../../../fare-engine/audit/many-leaves.ts';
import { inclusionRanges, leafHash, rootOver } from '../../../fare-engine/audit/merkle.ts';
import { claimLeaf } from '../../../fare-engine/audit-leaf.ts';
import {
  hourText,
  linesCsv,
  manifestText,
  sha256Of,
  TAP_COLUMNS,
  tapRow,
} from '../../../fare-engine/claims/bundle-text.ts';
import { type ClaimText, claimBytes, firstVersion } from '../../../fare-engine/claims/claim-text.ts';
import type { ConcessionEntry } from '../../../fare-engine/claims/concession-leaf.ts';
import { compareEntries, createClaimFold } from '../../../fare-engine/claims/make-claims.ts';
import type { ClaimDraft, ClaimEntry, ClaimTap } from '../../../fare-engine/claims/model.ts';
import {
  type BundleVerdict,
  claimsKeyName,
  verifyBundle,
} from '../../../fare-engine/claims/verify-bundle.ts';
import { parsePeriod, type SettlementPeriod } from '../../../fare-engine/settlement/period.ts';

const ORIGIN = 'kvytok.example/test';
const { privateKey } = generateKeyPairSync('ed25519');
export const LOG_KEY: NoteVerifier = noteVerifier(ORIGIN, 'log', privateKey);

export type Files = Record<string, string>;

/** What the log says of a tap. */
export function entryOf({ entry }: ClaimTap): ConcessionEntry {
  const { revision, fareDay, fareAtMs, carrierId, fundingId, concessionId, riderCategoryId, routeId } = entry;
  return {
    v: 1,
    kind: 'concession',
    decision: sha256Of(`${entry.tapId}#${revision}`).slice(0, 43),
    revision,
    fareDay,
    hourMs: Math.floor(fareAtMs / 3_600_000) * 3_600_000,
    ...{ carrierId, fundingId, concessionId, riderCategoryId, routeId },
    fareProductId: entry.fareProductId,
    fareMediaId: entry.fareMediaId,
    package: entry.packageHash,
    ride: entry.claimRide,
    concession: entry.concessionMinor.toString(),
    currency: entry.currency,
  };
}

export function claimOf(draft: ClaimDraft, change: object = {}): ClaimText {
  const ledgerMinor = draft.lines.reduce((sum, line) => sum + line.concessionMinor, 0n);
  const frame = { city: 'test', period: '2025-10', madeBy: 'О. Бойко', madeAtMs: 0, corrections: [] };
  return { ...firstVersion(draft, { ...frame, ledgerMinor }), ...change };
}

/** Files of a bundle, but for the manifest. `leafOf` says what the log holds of a tap. */
export function bundleOf(
  claim: ClaimText,
  taps: readonly ClaimTap[],
  leafOf: (tap: ClaimTap) => string = (tap) => JSON.stringify(entryOf(tap)),
): Files {
  const bytes = claimBytes(claim);
  const { claimId, version, madeBy: who } = claim;
  const own = claimLeaf({ claimId, version, sha256: sha256Of(bytes), who, knownFromMs: 0 }).bytes;
  // Strangers stand between: one leaf before each third of them, and some at the end.
  const leaves = taps.flatMap((tap, i) => (i % 3 === 0 ? [`stranger ${i}`, leafOf(tap)] : [leafOf(tap)]));
  const log = [...leaves, 'a', own, 'b', 'c'];
  const hashes = log.map((leaf) => leafHash(Buffer.from(leaf, 'utf8')));
  const head = { origin: ORIGIN, size: log.length, root: rootOver(hashes) };
  const text = formatCheckpoint(head);
  const note = `${text}\n${signNote(text, { name: ORIGIN, privateKey })}`;
  const at = log.indexOf(own);
  const path = inclusionRanges(at, log.length).map(({ from, until }) => rootOver(hashes.slice(from, until)));
  let edge = 0;
  const between = (until: number) =>
    blocksBetween(edge, until).map(({ height, index }) =>
      rootOver(hashes.slice(index * 2 ** height, (index + 1) * 2 ** height)).toString('base64'),
    );
  const proofs = taps.map((tap, i) => {
    const index = i + Math.floor(i / 3) + 1;
    const proof = {
      tapRef: refOf(tap),
      revision: tap.entry.revision,
      index,
      leaf: leafOf(tap),
      before: between(index),
    };
    edge = index + 1;
    return proof;
  });
  return {
    'claim.json': bytes,
    'lines.csv': linesCsv(claim),
    'taps.csv': `${TAP_COLUMNS.join(',')}\n${taps.map(rowOf).join('')}`,
    'proofs.ndjson': [...proofs, { after: between(log.length) }]
      .map((one) => `${JSON.stringify(one)}\n`)
      .join(''),
    'objections.json': '[]',
    'claim.proof': formatProof({ extra: Buffer.from(own, 'utf8'), index: at, path, note }),
    checkpoint: note,
    'claim.pdf': '%PDF',
  };
}

const refOf = ({ entry }: ClaimTap) => sha256Of(entry.tapId).slice(0, 32);

function rowOf(tap: ClaimTap): string {
  const { entry, lineId, units, fundedUnits, reason } = tap;
  const hourMs = Math.floor(entry.fareAtMs / 3_600_000) * 3_600_000;
  return tapRow({
    lineId,
    tapRef: refOf(tap),
    revision: entry.revision,
    direction: entry.sign,
    fareDay: entry.fareDay,
    hour: hourText(hourMs, hourMs + 10_800_000),
    claimRide: entry.claimRide,
    concessionMinor: entry.concessionMinor.toString(),
    units: units.toString(),
    fundedUnits: fundedUnits.toString(),
    reason,
    correctsClaimId: entry.earlier?.claimId ?? null,
    flags: [],
  });
}

/** Signs what is there, or what was there before, and has it verified; bytes come in small pieces. */
export async function judge(
  files: Files,
  { signed = files, key = privateKey }: { signed?: Files; key?: KeyObject } = {},
): Promise<BundleVerdict> {
  const { claimId, version } = JSON.parse(signed['claim.json'] as string) as ClaimText;
  const list = Object.keys(signed)
    .sort()
    .map((name) => ({ name, sha256: sha256Of(signed[name] as string) }));
  const text = manifestText({ claimId, version, files: list });
  const manifest = `${text}\n${signNote(text, { name: claimsKeyName(ORIGIN), privateKey: key })}`;
  const all: Files = { manifest, ...files };
  const read = (name: string) => (all[name] === undefined ? null : pieces(Buffer.from(all[name], 'utf8')));
  return verifyBundle(read, Object.keys(all), [LOG_KEY]);
}

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.byteLength; from += 1000) yield bytes.subarray(from, from + 1000);
}

const OCTOBER = parsePeriod('2025-10') as SettlementPeriod;
export const MORNING = Date.UTC(2025, 9, 14, 6);

export const RULE: CompensationRow = {
  compensation_id: 'pays',
  funding_id: 'city',
  basis: 'fare_difference',
  coef_bp: 9000,
  vat: 'added',
  vat_bp: 2000,
  valid_from: '2025-01-01',
  valid_to: null,
  act: 'a',
  article: '1',
};

export const ride = (n: number, change: Partial<ClaimEntry> = {}): ClaimEntry => ({
  tapId: `val-1.e.${n}`,
  revision: 1,
  sign: 1,
  carrierId: 'tet',
  fundingId: 'city',
  currency: 'UAH',
  concessionId: 'pensioner',
  riderCategoryId: 'pensioner',
  routeId: 'r1',
  fareProductId: 'ride',
  fareMediaId: 'card',
  packageHash: 'p',
  fareDay: '2025-10-14',
  fareAtMs: MORNING + n * 3_600_000,
  claimRide: true,
  concessionMinor: 1201n,
  earlier: null,
  ...change,
});

export function claimsOf(entries: readonly ClaimEntry[], rows: readonly CompensationRow[]) {
  const priceOf = (_: string, medium: string | null) =>
    medium === 'none' ? null : medium === 'bank' ? 2000n : 1500n;
  const tariff = { hash: 'p', compensation: rows, priceOf };
  const fold = createClaimFold({ period: OCTOBER, currency: 'UAH', packageOf: () => tariff, last: tariff });
  const taps = [...entries].sort(compareEntries).flatMap((entry) => fold.add(entry) ?? []);
  return { taps, claims: fold.finish().claims };
}

/** The bundle of the first claim. */
export function made(entries: readonly ClaimEntry[], rows: readonly CompensationRow[] = [RULE]) {
  const { taps, claims } = claimsOf(entries, rows);
  const claim = claimOf(claims[0] as ClaimDraft);
  const own = taps.filter(({ claimId }) => claimId === claim.claimId);
  return { claim, taps: own, files: bundleOf(claim, own) };
}

export async function codeOf(files: Files, how: Parameters<typeof judge>[1] = {}): Promise<string> {
  const verdict = await judge(files, how);
  return verdict.ok ? 'holds' : verdict.code;
}
