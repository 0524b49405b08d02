/** Files of a claim's bundle: tables that a spreadsheet opens, and the manifest that the city signs. Pure. */
import { createHash } from 'node:crypto';
import type { ClaimText } from './claim-text.ts';

/** A tap as a bundle shows it: no card, no device, no exact time. */
export interface BundleTap {
  readonly lineId: string;
  readonly tapRef: string;
  readonly revision: number;
  /** 1 counted, -1 taken back. */
  readonly direction: number;
  readonly fareDay: string;
  /** Beginning of the hour of the ride in the city's time, with its distance to UTC: `2025-10-14T09:00+03:00`. */
  readonly hour: string;
  readonly claimRide: boolean;
  readonly concessionMinor: string;
  readonly units: string;
  readonly fundedUnits: string;
  readonly reason: string | null;
  readonly correctsClaimId: string | null;
  /** Rules of anomalies that speak of the tap and that nobody dismissed. */
  readonly flags: readonly string[];
}

export const TAP_COLUMNS = [
  ...[
    'line_id',
    'tap_ref',
    'revision',
    'direction',
    'fare_day',
    'hour',
    'claim_ride',
    'concession_minor',
    'units',
  ],
  ...['funded_units', 'unfunded_reason', 'corrects_claim_id', 'anomaly_flags'],
] as const;

/** A row of taps.csv, with its line feed. */
export function tapRow(tap: BundleTap): string {
  const { lineId, tapRef, revision, direction, fareDay, hour, claimRide, concessionMinor } = tap;
  const said = [lineId, tapRef, revision, direction, fareDay, hour, claimRide ? 1 : 0, concessionMinor];
  const rest = [tap.units, tap.fundedUnits, tap.reason, tap.correctsClaimId, tap.flags.join(' ')];
  return csvRow([...said, ...rest]);
}

/** lines.csv follows from claim.json. */
export function linesCsv(claim: ClaimText): string {
  const heads = [
    ...['line_id', 'month', 'carrier_id', 'funding_id', 'concession_id', 'rider_category_id', 'route_id'],
    ...[
      'compensation_id',
      'basis',
      'rides',
      'transfers',
      'concession_minor',
      'amount_minor',
      'claimed_minor',
    ],
    ...['unfunded_minor', 'vat_minor', 'unfunded_reasons', 'currency'],
  ];
  const rows = claim.lines.map((line) => [
    ...[line.lineId, line.origin, claim.carrierId, claim.fundingId, line.concessionId, line.riderCategoryId],
    ...[line.routeId, line.rule?.compensation_id ?? null, line.rule?.basis ?? null, line.rides],
    ...[line.transfers, line.concessionMinor, line.amountMinor, line.claimedMinor, line.unfundedMinor],
    ...[line.vatMinor, line.reasons.join(' '), claim.currency],
  ]);
  return [heads, ...rows].map(csvRow).join('');
}

/** A row of a table, with its line feed. */
export function csvRow(cells: readonly (string | number | null)[]): string {
  return `${cells.map(csvCell).join(',')}\n`;
}

/** A text that a spreadsheet would take for a formula stands behind an apostrophe. */
function csvCell(value: string | number | null): string {
  const text = value === null ? '' : String(value);
  const safe = typeof value === 'string' && /^[=+@\t]|^-(?![0-9]+$)/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const HEAD = 'kvytok claim bundle v1';

/** What a manifest says. */
export interface Manifest {
  readonly claimId: string;
  readonly version: number;
  /** Name and SHA-256 (hex) of each file, by name. */
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
}

/** The text that is signed. */
export function manifestText({ claimId, version, files }: Manifest): string {
  const lines = files.map(({ name, sha256 }) => `${sha256}  ${name}\n`);
  return `${HEAD}\n${claimId}\n${version}\n${lines.join('')}`;
}

/** Reads it; `null` = it is none. */
export function parseManifest(text: string): Manifest | null {
  const [head, claimId, version, ...lines] = text.split('\n');
  if (head !== HEAD || !claimId || !/^[1-9][0-9]{0,5}$/.test(version ?? '') || lines.pop() !== '')
    return null;
  const files = lines.map((line) => /^([0-9a-f]{64}) {2}([a-z.]{1,40})$/.exec(line));
  if (files.includes(null) || files.length > 20) return null;
  return {
    claimId,
    version: Number(version),
    files: files.map((match) => ({ name: match?.[2] as string, sha256: match?.[1] as string })),
  };
}

/** Hex. */
export const sha256Of = (bytes: Uint8Array | string): string =>
  createHash('sha256').update(bytes).digest('hex');

/** What a decision says of a ride, and where that stands in the audit log. In the order of rows of taps.csv. */
export interface TapProof {
  readonly tapRef: string;
  readonly revision: number;
  /** Number of the leaf; they rise from row to row. */
  readonly index: number;
  /** Exact text of the leaf. */
  readonly leaf: string;
  /** Base64 hashes of the whole subtrees between the leaf before and this one. */
  readonly before: readonly string[];
}

/** Last line of the proofs: the subtrees after the last leaf. */
export interface ProofEnd {
  readonly after: readonly string[];
}

/** Beginning of an hour as a bundle writes it. @param wallMs the same instant as local time */
export function hourText(hourMs: number, wallMs: number): string {
  const minutes = Math.round((wallMs - hourMs) / 60_000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const size = Math.abs(minutes);
  const offset = `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  return `${new Date(wallMs).toISOString().slice(0, 16)}${offset}`;
}
