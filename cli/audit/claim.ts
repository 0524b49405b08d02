/** `kvytok audit claim`: the signed bundle of a compensation claim, and its verification with files and a key alone. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Language } from '#contracts/reason-codes.ts';
import { signNote } from '#contracts/signed-note.ts';
import { loadCity } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import {
  linesCsv,
  manifestText,
  sha256Of,
  TAP_COLUMNS,
  tapRow,
} from '../../fare-engine/claims/bundle-text.ts';
import { type ClaimText, parseClaim } from '../../fare-engine/claims/claim-text.ts';
import { claimsKeyName, verifyBundle } from '../../fare-engine/claims/verify-bundle.ts';
import { rowsOf } from '../../fare-engine/database-reader.ts';
import { type ClaimAsk, exportClaim } from '../../fare-engine/export-claim.ts';
import { parsePeriod } from '../../fare-engine/settlement/period.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { type AuditDatabase, openAuditDatabase } from '../audit-database.ts';
import { dataFolderOf } from '../city/city-arguments.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { languageOf } from '../settle/show.ts';
import { openBundleFolder } from './bundle-folder.ts';
import { type ClaimNames, claimPdf } from './claim-pdf.ts';
import { readKeys } from './note-keys.ts';
import { untilStopped } from './until-stopped.ts';

export interface ClaimValues {
  readonly funding?: string | undefined;
  readonly out?: string | undefined;
  readonly lang?: string | undefined;
  readonly data?: string | undefined;
  readonly city?: string | undefined;
  readonly key?: string[] | undefined;
  readonly 'sign-key'?: string | undefined;
}

export async function runClaim(
  words: readonly string[],
  values: ClaimValues,
  io: CommandIo,
): Promise<number> {
  const [first, second, ...rest] = words;
  if (rest.length > 0 || first === undefined || second === undefined)
    throw new UsageError('CARRIER PERIOD, or verify DIR, is needed');
  if (first === 'verify') return runVerifyClaim(resolve(io.cwd, second), values, io);
  if (parsePeriod(second) === undefined) throw new UsageError(`${second} is no month (YYYY-MM)`);
  if (values.out === undefined) throw new UsageError('--out DIR is needed');
  const language = languageOf(values.lang);
  const out = resolve(io.cwd, values.out);
  if (existsSync(out)) throw exists(out);
  const database = openAuditDatabase(values.data, io);
  try {
    const cityDir = values.city === undefined ? database.cityDir : resolve(io.cwd, values.city);
    if (cityDir === null) throw new UsageError('--city DIR is needed: names and the zone are the city’s');
    const ask = { period: second, carrierId: first, fundingId: '' };
    ask.fundingId = values.funding ?? (await onlyFunding(database, first, second));
    const bundle = { database, cityDir, ask, key: signKey(values, io), language };
    const found = await untilStopped((signal) => writeBundle(out, bundle, signal), io);
    if (found !== null) io.stdout.write(`${JSON.stringify({ out, ...found })}\n`);
    return found === null ? EXIT.failed : EXIT.ok;
  } finally {
    await database.pool.end();
  }
}

async function onlyFunding({ pool }: AuditDatabase, carrier: string, period: string): Promise<string> {
  const rows = await rowsOf<{ id: string }>(
    pool,
    'SELECT DISTINCT funding_id AS id FROM fare.published_claim WHERE carrier_id = $1 AND period = $2 ORDER BY 1',
    [carrier, period],
  );
  if (rows.length > 1) throw new UsageError(`--funding is needed: ${rows.map(({ id }) => id).join(', ')}`);
  return rows[0]?.id ?? '';
}

function claimOf(bytes: string): ClaimText {
  const claim = parseClaim(JSON.parse(bytes));
  if (!claim.ok) throw new Error('a stored claim cannot be read');
  return claim.value;
}

async function namesOf(claim: ClaimText, cityDir: string): Promise<ClaimNames> {
  const loaded = await loadTariffTimeline(join(cityDir, 'tariff'));
  const packages = loaded.ok ? loaded.timeline.packages : [];
  const rows = packages.flatMap(({ concessions }) => concessions);
  const payer = packages
    .flatMap(({ funding }) => funding)
    .findLast((row) => row.funding_id === claim.fundingId);
  const { settlement } = loadCity(cityDir).city;
  return {
    carrier: settlement?.carriers[claim.carrierId]?.names,
    department: settlement?.department.names,
    funding: payer && {
      ...payer.names,
      code: [payer.budget_code, payer.contract].filter((text) => text !== undefined).join(', '),
    },
    concessions: new Map(rows.map((row) => [row.concession_id, row.names])),
  };
}

function signKey(values: ClaimValues, io: CommandIo): KeyObject {
  const named = values['sign-key'];
  const file =
    named === undefined
      ? join(dataFolderOf(values.data, io), 'secrets', 'audit-key.pem')
      : resolve(io.cwd, named);
  try {
    return createPrivateKey(readFileSync(file));
  } catch {
    throw new OperatorError({
      code: 'CLAIM_KEY_UNREADABLE',
      happened: `The key that signs the bundle cannot be read from ${file}.`,
      kept: 'Nothing was written.',
      todo: 'Name the key of the audit log with --sign-key FILE, as the user who may read it.',
    });
  }
}

interface BundleAsk {
  readonly database: AuditDatabase;
  readonly cityDir: string;
  readonly ask: ClaimAsk;
  readonly key: KeyObject;
  readonly language: Language;
}

/** Whole or not at all: written under another name first. Tables pass through; memory does not grow with the taps. */
async function writeBundle(
  out: string,
  { database, cityDir, ask, key, language }: BundleAsk,
  signal: AbortSignal,
) {
  const folder = await openBundleFolder(`${out}.partial`, signal);
  try {
    const [taps, proofs] = [await folder.table('taps.csv'), await folder.table('proofs.ndjson')];
    await taps.write(`${TAP_COLUMNS.join(',')}\n`);
    const exported = await exportClaim(database.pool, ask, loadCity(cityDir).city.zone, {
      rows: async (some) => {
        await taps.write(some.map(({ tap }) => tapRow(tap)).join(''));
        await proofs.write(some.map(({ proof }) => `${JSON.stringify(proof)}\n`).join(''));
      },
      end: (end) => proofs.write(`${JSON.stringify(end)}\n`),
    });
    await Promise.all([taps.end(), proofs.end()]);
    const claim = claimOf(exported.bytes);
    await folder.file('claim.json', exported.bytes);
    await folder.file('lines.csv', linesCsv(claim));
    await folder.file('objections.json', `${JSON.stringify(exported.objections, null, 2)}\n`);
    await folder.file('claim.proof', exported.claimProof);
    await folder.file('checkpoint', exported.checkpoint);
    const names = await namesOf(claim, cityDir);
    await folder.file('claim.pdf', await claimPdf(claim, sha256Of(exported.bytes), names, language));
    const { claimId, version, claimedMinor } = claim;
    const text = manifestText({ claimId, version, files: folder.files() });
    const signature = signNote(text, { name: claimsKeyName(exported.origin), privateKey: key });
    await folder.file('manifest', `${text}\n${signature}`);
    await folder.rename(out);
    return { claimId, version, claimedMinor, taps: exported.taps };
  } finally {
    await folder.close();
  }
}

function exists(out: string): OperatorError {
  return new OperatorError({
    code: 'CLAIM_BUNDLE_EXISTS',
    happened: `${out} exists already.`,
    kept: 'Nothing was written: a bundle is never changed.',
    todo: 'Name a folder that does not exist yet.',
  });
}

async function runVerifyClaim(dir: string, { key }: ClaimValues, io: CommandIo): Promise<number> {
  if (key === undefined)
    throw new UsageError('--key KEY of the audit log is needed: a bundle names none by itself');
  const read = (name: string) => {
    const found = statSync(join(dir, name), { throwIfNoEntry: false });
    return found?.isFile() === true ? createReadStream(join(dir, name)) : null;
  };
  const names = await readdir(dir).catch(() => {
    throw new UsageError(`${dir} cannot be read`);
  });
  const verdict = await verifyBundle(read, names, readKeys(key, 'log', io));
  if (!verdict.ok)
    throw new OperatorError({
      code: verdict.code,
      happened: `The bundle ${dir} does not fit: ${verdict.detail}.`,
      kept: 'Nothing was changed.',
      todo: 'Do not pay by it. Ask the city for the bundle again; if it stays so, show both to the auditor.',
    });
  const { claim, taps, checkpoint } = verdict;
  const { claimId, version, rides, claimedMinor, unfundedMinor, currency } = claim;
  io.stdout.write(
    `${JSON.stringify({ claimId, version, rides, claimedMinor, unfundedMinor, currency, taps, checkpoint })}\n`,
  );
  return EXIT.ok;
}
