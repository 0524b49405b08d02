/**
 * Checks a claim's bundle with nothing but its files and the city's public key: signature, hashes, sums from the taps up, proofs
 * against the signed state of the audit log. Names the first thing that does not fit.
 */
import { parseProof } from '#contracts/audit-log.ts';
import { type NoteVerifier, noteVerifier, parseNote, verifyNote } from '#contracts/signed-note.ts';
import { leafHash, provesInclusion } from '../audit/merkle.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../audit/open-checkpoint.ts';
import {
  linesCsv,
  type Manifest,
  manifestText,
  parseManifest,
  sha256Of,
  TAP_COLUMNS,
  type TapProof,
} from './bundle-text.ts';
import { type ClaimText, parseClaim, totalsOf } from './claim-text.ts';
import type { ClaimRule } from './model.ts';
import { roundUnits } from './money.ts';

/** What does not fit in a bundle. */
export const BUNDLE_FAULTS = {
  CLAIM_BUNDLE_AMOUNT: 'amounts of a line do not follow from its taps and its rule',
  CLAIM_BUNDLE_CLAIM: 'claim.json is no claim, or another one than the manifest names',
  CLAIM_BUNDLE_FILE: 'a file is missing, is not named by the manifest, or has other bytes than were signed',
  CLAIM_BUNDLE_LINES: 'lines.csv is not the table of claim.json',
  CLAIM_BUNDLE_PROOF: 'a tap or the claim itself is not proven to be in the audit log that was signed',
  CLAIM_BUNDLE_SIGNATURE: 'the manifest or the checkpoint is not signed by the key that was given',
  CLAIM_BUNDLE_TAPS: 'a row of taps.csv cannot be read, stands twice, or belongs to no line',
  CLAIM_BUNDLE_TOTAL: 'the total of the claim is not the sum of its lines and corrections',
} as const;
export type BundleFault = keyof typeof BUNDLE_FAULTS;

export type BundleVerdict =
  | {
      readonly ok: true;
      readonly claim: ClaimText;
      readonly taps: number;
      readonly checkpoint: { readonly origin: string; readonly size: number };
    }
  | { readonly ok: false; readonly code: BundleFault; readonly detail: string };

/** Reads a file of the bundle; `null` where it is not there. */
export type ReadBundle = (name: string) => Promise<Buffer | null>;

/** Files of every bundle. */
export const BUNDLE_FILES = [
  ...[
    'checkpoint',
    'claim.json',
    'claim.pdf',
    'claim.proof',
    'lines.csv',
    'objections.json',
    'proofs.ndjson',
  ],
  'taps.csv',
];

class Misfit extends Error {
  readonly code: BundleFault;
  constructor(code: BundleFault, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** Verifies a bundle. `names` are the files that lie in the folder. */
export async function verifyBundle(
  read: ReadBundle,
  names: readonly string[],
  keys: readonly NoteVerifier[],
): Promise<BundleVerdict> {
  try {
    const manifest = await openManifest(read, keys);
    const files = await openFiles(read, names, manifest);
    const claim = openClaim(files, manifest);
    const head = openHead(files, keys);
    checkClaimProof(files, claim, head);
    checkTotals(files, claim);
    const taps = checkTaps(files, claim);
    checkProofs(files, taps, head);
    return { ok: true, claim, taps: taps.length, checkpoint: { origin: head.origin, size: head.size } };
  } catch (error) {
    if (error instanceof Misfit) return { ok: false, code: error.code, detail: error.message };
    throw error;
  }
}

/** The key of the log signs bundles under a name of its own. */
export const claimsKeyName = (origin: string): string => `${origin}/claims`;

type Files = ReadonlyMap<string, Buffer>;
const textOf = (files: Files, name: string): string => (files.get(name) as Buffer).toString('utf8');

async function openManifest(read: ReadBundle, keys: readonly NoteVerifier[]): Promise<Manifest> {
  const bytes = await read('manifest');
  if (bytes === null) throw new Misfit('CLAIM_BUNDLE_FILE', 'there is no file named manifest');
  const note = parseNote(bytes.toString('utf8'));
  const signers = keys.map((key) => noteVerifier(claimsKeyName(key.name), 'log', key.publicKey));
  const held = note.ok ? verifyNote(note.value, signers) : note;
  if (!note.ok || !held.ok || held.value.length === 0)
    throw new Misfit('CLAIM_BUNDLE_SIGNATURE', 'the manifest has no signature of the key that was given');
  const manifest = parseManifest(note.value.text);
  if (manifest === null || manifestText(manifest) !== note.value.text)
    throw new Misfit('CLAIM_BUNDLE_CLAIM', 'what was signed is no manifest');
  return manifest;
}

async function openFiles(read: ReadBundle, names: readonly string[], manifest: Manifest): Promise<Files> {
  const signed = new Map(manifest.files.map(({ name, sha256 }) => [name, sha256]));
  const stranger = names.find((name) => name !== 'manifest' && !signed.has(name));
  if (stranger !== undefined) throw new Misfit('CLAIM_BUNDLE_FILE', `${stranger} is not in the manifest`);
  const files = new Map<string, Buffer>();
  for (const name of BUNDLE_FILES) {
    const bytes = signed.has(name) ? await read(name) : null;
    if (bytes === null) throw new Misfit('CLAIM_BUNDLE_FILE', `${name} is missing`);
    if (sha256Of(bytes) !== signed.get(name))
      throw new Misfit('CLAIM_BUNDLE_FILE', `${name} has other bytes than were signed`);
    files.set(name, bytes);
  }
  return files;
}

function openClaim(files: Files, { claimId, version }: Manifest): ClaimText {
  const claim = parseClaim(jsonOf(textOf(files, 'claim.json')));
  if (!claim.ok) throw new Misfit('CLAIM_BUNDLE_CLAIM', 'claim.json is no claim');
  if (claim.value.claimId !== claimId || claim.value.version !== version)
    throw new Misfit(
      'CLAIM_BUNDLE_CLAIM',
      `claim.json is ${claim.value.claimId}, version ${claim.value.version}`,
    );
  if (textOf(files, 'lines.csv') !== linesCsv(claim.value))
    throw new Misfit('CLAIM_BUNDLE_LINES', 'lines.csv says something else than claim.json');
  return claim.value;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function openHead(files: Files, keys: readonly NoteVerifier[]): OpenedCheckpoint {
  const head = openCheckpoint(textOf(files, 'checkpoint'), keys);
  if (!head.ok) throw new Misfit('CLAIM_BUNDLE_SIGNATURE', `checkpoint: ${head.detail}`);
  return head;
}

/** The hash of claim.json stands in the log. */
function checkClaimProof(files: Files, claim: ClaimText, head: OpenedCheckpoint): void {
  const proof = parseProof(textOf(files, 'claim.proof'));
  const leaf = proof.ok
    ? (jsonOf(proof.value.extra.toString('utf8')) as Record<string, unknown> | null)
    : null;
  const fits =
    proof.ok &&
    leaf?.['kind'] === 'claim' &&
    leaf['claimId'] === claim.claimId &&
    leaf['version'] === claim.version &&
    leaf['sha256'] === sha256Of(files.get('claim.json') as Buffer) &&
    provesInclusion(leafHash(proof.value.extra), { ...head, index: proof.value.index }, proof.value.path);
  if (!fits) throw new Misfit('CLAIM_BUNDLE_PROOF', 'the hash of claim.json is not proven to be in the log');
}

function checkTotals(files: Files, claim: ClaimText): void {
  const lines = claim.lines.map(({ rides, claimedMinor, unfundedMinor }) => ({
    rides,
    claimedMinor: BigInt(claimedMinor),
    unfundedMinor: BigInt(unfundedMinor),
  }));
  const said = totalsOf(lines, claim.corrections);
  if (
    said.claimedMinor !== claim.claimedMinor ||
    said.unfundedMinor !== claim.unfundedMinor ||
    said.rides !== claim.rides
  )
    throw new Misfit(
      'CLAIM_BUNDLE_TOTAL',
      `lines and corrections add up to ${said.claimedMinor}, not ${claim.claimedMinor}`,
    );
  const objections = jsonOf(textOf(files, 'objections.json'));
  const known = new Map(
    (Array.isArray(objections) ? objections : []).map((one) => [one?.objectionId, one?.correctionMinor]),
  );
  const unknown = claim.corrections.find(({ objectionId, minor }) => known.get(objectionId) !== minor);
  if (unknown !== undefined)
    throw new Misfit(
      'CLAIM_BUNDLE_TOTAL',
      `the correction by ${unknown.minor} has no objection ${unknown.objectionId}`,
    );
}

interface Row {
  readonly key: string;
  readonly lineId: string;
  readonly sign: bigint;
  readonly ride: boolean;
  readonly concessionMinor: bigint;
  readonly units: bigint;
  readonly fundedUnits: bigint;
}

/** Every line is its taps: rides, concession steps, units, and the amounts that its rule makes of them. */
function checkTaps(files: Files, claim: ClaimText): Row[] {
  const [head, ...texts] = textOf(files, 'taps.csv').split('\n');
  if (head !== TAP_COLUMNS.join(',') || texts.pop() !== '')
    throw new Misfit('CLAIM_BUNDLE_TAPS', 'taps.csv has other columns');
  const rows = texts.map(rowOf);
  const twice = rows.length - new Set(rows.map(({ key }) => key)).size;
  if (twice > 0) throw new Misfit('CLAIM_BUNDLE_TAPS', `${twice} rows stand twice`);
  const byLine = Map.groupBy(rows, ({ lineId }) => lineId);
  for (const line of claim.lines) checkLine(line, byLine.get(line.lineId) ?? []);
  const lines = new Set(claim.lines.map(({ lineId }) => lineId));
  for (const [lineId, own] of byLine)
    if (!lines.has(lineId) && sumOf(own, (row) => row.units) + sumOf(own, (row) => row.sign) !== 0n)
      throw new Misfit('CLAIM_BUNDLE_TAPS', `taps of a line ${lineId} that claim.json does not have`);
  return rows;
}

function rowOf(text: string, i: number): Row {
  const cells = text.split(',');
  const [
    lineId = '',
    tapRef = '',
    revision = '',
    direction = '',
    ,
    ,
    ride,
    concession = '',
    units = '',
    funded = '',
  ] = cells;
  const numbers = [revision, direction, concession, units, funded];
  if (cells.length !== TAP_COLUMNS.length || !numbers.every((cell) => /^-?[0-9]{1,30}$/.test(cell)))
    throw new Misfit('CLAIM_BUNDLE_TAPS', `row ${i + 2} of taps.csv cannot be read`);
  const money = { concessionMinor: BigInt(concession), units: BigInt(units), fundedUnits: BigInt(funded) };
  return { key: `${tapRef}#${revision}`, lineId, sign: BigInt(direction), ride: ride === '1', ...money };
}

const sumOf = (rows: readonly Row[], of: (row: Row) => bigint): bigint =>
  rows.reduce((sum, row) => sum + of(row), 0n);

function checkLine(line: ClaimText['lines'][number], rows: readonly Row[]): void {
  const rule = line.rule as ClaimRule | null;
  const fixed = rule?.basis === 'fixed_monthly';
  const [units, funded] = [sumOf(rows, (row) => row.units), sumOf(rows, (row) => row.fundedUnits)];
  const per = BigInt(line.unitsPerMinor);
  const found: [string, bigint, bigint][] = [
    ['rides', sumOf(rows, (row) => (row.ride ? row.sign : 0n)), BigInt(line.rides)],
    ['transfers', sumOf(rows, (row) => (row.ride ? 0n : row.sign)), BigInt(line.transfers)],
    ['concession steps', sumOf(rows, (row) => row.sign * row.concessionMinor), BigInt(line.concessionMinor)],
    ['units', fixed ? BigInt(line.units) : units, BigInt(line.units)],
    ['funded units', fixed ? BigInt(line.fundedUnits) : funded, BigInt(line.fundedUnits)],
    ['amount', roundUnits(BigInt(line.units), per, rule?.round_mode), BigInt(line.amountMinor)],
    ['unfunded', BigInt(line.amountMinor) - BigInt(line.claimedMinor), BigInt(line.unfundedMinor)],
  ];
  const wrong = found.find(([, taps, said]) => taps !== said);
  if (wrong !== undefined)
    throw new Misfit(
      'CLAIM_BUNDLE_AMOUNT',
      `line ${line.lineId}: ${wrong[0]} ${wrong[1]} by its taps, ${wrong[2]} in the claim`,
    );
  // Halves rounded up beyond a limit are taken off again: then one minor unit less.
  const whole = roundUnits(BigInt(line.fundedUnits), per, rule?.round_mode);
  const off = whole - BigInt(line.claimedMinor);
  if (off !== 0n && !(off === 1n && line.reasons.includes('limit')))
    throw new Misfit(
      'CLAIM_BUNDLE_AMOUNT',
      `line ${line.lineId}: claims ${line.claimedMinor}, its taps give ${whole}`,
    );
}

function checkProofs(files: Files, rows: readonly Row[], head: OpenedCheckpoint): void {
  const missing = new Set(rows.map(({ key }) => key));
  for (const text of textOf(files, 'proofs.ndjson').split('\n').filter(Boolean)) {
    const proof = jsonOf(text) as TapProof | null;
    const key = `${proof?.tapRef}#${proof?.revision}`;
    if (proof === null || !Array.isArray(proof.path) || !missing.has(key)) continue;
    const path = proof.path.map((hash) => Buffer.from(hash, 'base64'));
    if (provesInclusion(Buffer.from(proof.leafHash, 'base64'), { ...head, index: proof.index }, path))
      missing.delete(key);
  }
  const [first] = missing;
  if (first !== undefined)
    throw new Misfit('CLAIM_BUNDLE_PROOF', `the decision about tap ${first} is not proven to be in the log`);
}
