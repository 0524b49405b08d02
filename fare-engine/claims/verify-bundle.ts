/**
 * Checks a claim's bundle with nothing but its files and the city's public key: signature, hashes, sums from the taps up, proofs
 * against the signed state of the audit log. Names the first thing that does not fit.
 */
import { parseProof } from '#contracts/audit-log.ts';
import { type NoteVerifier, noteVerifier, parseNote, verifyNote } from '#contracts/signed-note.ts';
import { leafHash, provesInclusion } from '../audit/merkle.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../audit/open-checkpoint.ts';
import { bundleLines, hashOf, type ReadBundle, wholeOf } from './bundle-lines.ts';
import { linesCsv, type Manifest, manifestText, parseManifest, sha256Of } from './bundle-text.ts';
import { LineChecker } from './check-lines.ts';
import { type ClaimText, parseClaim, totalsOf } from './claim-text.ts';
import { type BundleFault, Misfit } from './misfit.ts';
import { jsonOf, provenRows } from './tap-rows.ts';

export type BundleVerdict =
  | {
      readonly ok: true;
      readonly claim: ClaimText;
      readonly taps: number;
      readonly checkpoint: { readonly origin: string; readonly size: number };
    }
  | { readonly ok: false; readonly code: BundleFault; readonly detail: string };

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

/** Those that grow with the taps: they are never held whole. */
const TABLES = ['proofs.ndjson', 'taps.csv'];
/** Largest of the others that is read. */
const FILE_BYTES_MAX = 2 ** 28;

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
    const taps = await checkTaps(read, claim, head);
    return { ok: true, claim, taps, checkpoint: { origin: head.origin, size: head.size } };
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
  const bytes = await smallOf(read, 'manifest');
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
    const given = signed.has(name) ? read(name) : null;
    if (given === null) throw new Misfit('CLAIM_BUNDLE_FILE', `${name} is missing`);
    const bytes = TABLES.includes(name) ? null : await smallOf(read, name);
    const sha256 = bytes === null ? await hashOf(given) : sha256Of(bytes);
    if (sha256 !== signed.get(name))
      throw new Misfit('CLAIM_BUNDLE_FILE', `${name} has other bytes than were signed`);
    if (bytes !== null) files.set(name, bytes);
  }
  return files;
}

async function smallOf(read: ReadBundle, name: string): Promise<Buffer | null> {
  const given = read(name);
  const bytes = given === null ? null : await wholeOf(given, FILE_BYTES_MAX);
  if (given !== null && bytes === null)
    throw new Misfit('CLAIM_BUNDLE_FILE', `${name} is larger than ${FILE_BYTES_MAX} bytes`);
  return bytes;
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

function openHead(files: Files, keys: readonly NoteVerifier[]): OpenedCheckpoint {
  const head = openCheckpoint(textOf(files, 'checkpoint'), keys);
  if (!head.ok) throw new Misfit('CLAIM_BUNDLE_SIGNATURE', `checkpoint: ${head.detail}`);
  return head;
}

/** The hash of claim.json stands in the log. */
function checkClaimProof(files: Files, claim: ClaimText, head: OpenedCheckpoint): void {
  const proof = parseProof(textOf(files, 'claim.proof'));
  const leaf = proof.ok ? jsonOf(proof.value.extra.toString('utf8')) : null;
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
  const steps = claim.lines.reduce((sum, { concessionMinor }) => sum + BigInt(concessionMinor), 0n);
  if (steps.toString() !== claim.ledgerMinor)
    throw new Misfit(
      'CLAIM_BUNDLE_TOTAL',
      `concession steps add up to ${steps}, the ledger is said to have ${claim.ledgerMinor}`,
    );
  const objections: unknown = jsonOf(textOf(files, 'objections.json'));
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

/** Every ride is in the log, every line is its rides; gives how many there are. */
async function checkTaps(read: ReadBundle, claim: ClaimText, head: OpenedCheckpoint): Promise<number> {
  const given = [read('taps.csv'), read('proofs.ndjson')];
  const [taps, proofs] = given.map((bytes) => {
    if (bytes === null) throw new Misfit('CLAIM_BUNDLE_FILE', 'a table is gone');
    return bundleLines(bytes);
  }) as [AsyncGenerator<string>, AsyncGenerator<string>];
  const lines = new LineChecker(claim);
  let count = 0;
  try {
    for await (const row of provenRows(taps, proofs, head)) {
      lines.add(row);
      count++;
    }
  } finally {
    await Promise.all([taps.return(undefined), proofs.return(undefined)]);
  }
  lines.finish();
  return count;
}
