/** `kvytok audit verify`: a whole log, or the proof of one entry, with nothing but files and keys. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseProof } from '#contracts/audit-log.ts';
import { describeProblems } from '#contracts/parse.ts';
import type { NoteVerifier } from '#contracts/signed-note.ts';
import { OperatorError } from '#platform/errors.ts';
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import { leafHash, provesInclusion } from '../../fare-engine/audit/merkle.ts';
import type { OpenedCheckpoint } from '../../fare-engine/audit/open-checkpoint.ts';
import {
  kindOf,
  type LogFault,
  type ReadLog,
  VerificationStopped,
  verifyLog,
} from '../../fare-engine/audit/verify-log.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { extraFiles, extraFilesText } from './extra-files.ts';
import { folderSource } from './log-source.ts';
import { exportedKeys, mustOpen, readKeys } from './note-keys.ts';
import { progressBar } from './progress-bar.ts';
import { collectSealedLines, type SealedLine, type SealedWish } from './sealed-lines.ts';

export interface VerifyValues {
  readonly export?: string | undefined;
  readonly proof?: string | undefined;
  readonly key?: string[] | undefined;
  readonly checkpoint?: string[] | undefined;
  readonly witness?: string[] | undefined;
  readonly need?: string | undefined;
}

export async function runVerify(values: VerifyValues, io: CommandIo): Promise<number> {
  const witnesses = readKeys(values.witness ?? [], 'witness', io);
  const need = neededOf(values.need, witnesses);
  if (values.proof !== undefined && values.export === undefined)
    return verifyProof(resolve(io.cwd, values.proof), values.key ?? [], { witnesses, need }, io);
  if (values.export === undefined || values.proof !== undefined)
    throw new UsageError('--export DIR or --proof FILE is needed, one of them');
  return verifyExport(resolve(io.cwd, values.export), values, { witnesses, need }, io);
}

/** So many of these witnesses must have countersigned. */
interface Quorum {
  readonly witnesses: readonly NoteVerifier[];
  readonly need: number;
}

function neededOf(text: string | undefined, witnesses: readonly NoteVerifier[]): number {
  if (text === undefined) return witnesses.length;
  const need = Number(text);
  if (/^\d{1,3}$/.test(text) && need <= witnesses.length) return need;
  throw new UsageError(`--need takes a number of the ${witnesses.length} witnesses given by --witness`);
}

async function verifyExport(
  dir: string,
  values: VerifyValues,
  quorum: Quorum,
  io: CommandIo,
): Promise<number> {
  const source = folderSource(dir);
  const keys = values.key === undefined ? exportedKeys(dir, io) : readKeys(values.key, 'log', io);
  const head = mustOpen(dir, await source.checkpoint(), keys, quorum.witnesses);
  const kept = (values.checkpoint ?? []).map((file) => {
    const path = resolve(io.cwd, file);
    return { path, ...mustOpen(path, readText(path), keys, quorum.witnesses) };
  });
  for (const old of kept) refuseOther(old, old.path, head);
  const seen = witnessesOf(head, kept);
  demandQuorum(seen, quorum);
  const kinds = await walkLog(source.tile, { dir, head, kept }, io);
  if (kinds === null) return EXIT.failed;
  const extra = await extraFiles(dir, head.size);
  io.stderr.write(extraFilesText(dir, extra));
  const found = {
    origin: head.origin,
    size: head.size,
    root: head.root.toString('base64'),
    kinds: Object.fromEntries([...kinds].sort(([a], [b]) => (a < b ? -1 : 1))),
    earlier: kept.map(({ size }) => size),
    witnesses: seen,
    keys: values.key === undefined ? 'from the export itself' : 'given',
    ...(extra.count === 0 ? {} : { notLookedAt: { files: extra.count, named: extra.named } }),
  };
  io.stdout.write(`${JSON.stringify(found)}\n`);
  return EXIT.ok;
}

/**
 * Reads the whole log, with a bar, until its end or a stop signal (then `null`); gives how many leaves of each kind there are.
 * @throws OperatorError AUDIT_LEAF_DIFFERS, AUDIT_LEAF_MISSING, AUDIT_LEAF_TOO_MANY, AUDIT_TILE_DIFFERS, AUDIT_ROOT_DIFFERS
 */
export async function walkLog(
  read: ReadLog,
  log: { dir: string; head: OpenedCheckpoint; kept: readonly OpenedCheckpoint[] },
  io: CommandIo,
): Promise<ReadonlyMap<string, number> | null> {
  const stop = stoppable();
  const bar = progressBar(io.stderr, 'audit log', log.head.size);
  const onProgress = (done: number): boolean => {
    bar.show(done);
    return !stop.asked();
  };
  try {
    const verdict = await verifyLog(read, log.head, log.kept, { onProgress });
    if (!verdict.ok) throw faultError(verdict.fault, log.dir);
    return verdict.kinds;
  } catch (error) {
    if (!(error instanceof VerificationStopped)) throw error;
    io.stderr.write('Stopped: nothing was found out about the rest of the log.\n');
    return null;
  } finally {
    bar.end();
    stop.forget();
  }
}

/** Verifies a log and collects what it has sealed of some taps; `null` = stopped. */
export async function readSealedLines(
  log: { dir: string; keys: readonly string[] | undefined; wish: SealedWish },
  io: CommandIo,
): Promise<{ lines: ReadonlyMap<string, SealedLine>; log: { origin: string; size: number } } | null> {
  const source = folderSource(log.dir);
  const keys = log.keys === undefined ? exportedKeys(log.dir, io) : readKeys(log.keys, 'log', io);
  const head = mustOpen(log.dir, await source.checkpoint(), keys);
  const { read, lines } = collectSealedLines(source, log.wish);
  const kinds = await walkLog(read, { dir: log.dir, head, kept: [] }, io);
  return kinds === null ? null : { lines, log: { origin: head.origin, size: head.size } };
}

function stoppable(): { asked(): boolean; forget(): void } {
  let asked = false;
  const signals = onSignals(createLogger({ component: 'audit', level: 'warn' }));
  void signals.received.then(() => {
    asked = true;
  });
  return { asked: () => asked, forget: () => signals.forget() };
}

/** A kept checkpoint must be of this log and lie before its end. */
function refuseOther(old: OpenedCheckpoint, path: string, head: OpenedCheckpoint): void {
  if (old.origin !== head.origin)
    throw new OperatorError({
      code: 'AUDIT_ORIGIN_DIFFERS',
      happened: `The checkpoint ${path} is of ${old.origin}, the log is ${head.origin}.`,
      kept: 'Nothing was changed; the log was not looked at.',
      todo: 'After a restore a log goes on under another origin: compare the checkpoint with an export from before it.',
    });
  if (old.size <= head.size) return;
  throw new OperatorError({
    code: 'AUDIT_LOG_TRUNCATED',
    happened: `The checkpoint ${path} covers ${old.size} leaves, the log ends after ${head.size}: the first leaf that is missing is ${head.size}.`,
    kept: 'Nothing was changed. Both are signed by the log: together they are the proof.',
    todo: 'Ask for a newer export. If there is none, the log was cut off: keep both files apart.',
  });
}

/** Who has countersigned exactly this state of the log. */
function witnessesOf(head: OpenedCheckpoint, kept: readonly OpenedCheckpoint[]) {
  const notes = [head, ...kept.filter(({ text }) => text === head.text)];
  const byName = new Map(notes.flatMap(({ witnesses }) => witnesses).map((seen) => [seen.name, seen]));
  return [...byName.values()].map(({ name, atS }) => ({ name, at: new Date(atS * 1000).toISOString() }));
}

function demandQuorum(seen: readonly { name: string }[], { witnesses, need }: Quorum): void {
  if (seen.length >= need) return;
  const missing = witnesses.filter(({ name }) => !seen.some((one) => one.name === name));
  throw new OperatorError({
    code: 'AUDIT_WITNESSES_TOO_FEW',
    happened: `${seen.length} of ${witnesses.length} witnesses have countersigned this checkpoint, ${need} are needed; missing: ${missing.map(({ name }) => name).join(', ')}.`,
    kept: 'Nothing was changed; the log was not looked at.',
    todo: 'Ask the witnesses for their checkpoint of the same size and give it with --checkpoint, or wait for their next round.',
  });
}

function faultError({ code, index, until, kind, detail }: LogFault, dir: string): OperatorError {
  const which =
    until - index > 1
      ? `Of the leaves ${index} to ${until - 1} at least one does not fit; the first of them is leaf ${index}`
      : `Leaf ${index} does not fit`;
  return new OperatorError({
    code,
    happened: `${which}${kind === null ? '' : ` (kind ${kind})`}: ${detail}.`,
    kept: `Nothing was changed in ${dir}. All leaves before ${index} hold.`,
    todo: 'Keep this export as it is and make another: if the fault stays, the database was changed after the log was signed; compare it with a backup.',
  });
}

function verifyProof(path: string, keyTexts: readonly string[], quorum: Quorum, io: CommandIo): number {
  if (keyTexts.length === 0)
    throw new UsageError('--key KEY of the log is needed: a proof names none by itself');
  const proof = parseProof(readText(path));
  if (!proof.ok)
    throw new OperatorError({
      code: 'AUDIT_PROOF_INVALID',
      happened: `${path} is not a proof: ${describeProblems(proof.problems)}.`,
      kept: 'Nothing was changed.',
      todo: 'Ask for it again (kvytok audit prove).',
    });
  const head = mustOpen(path, proof.value.note, readKeys(keyTexts, 'log', io), quorum.witnesses);
  const seen = witnessesOf(head, []);
  demandQuorum(seen, quorum);
  const { index, extra, path: hashes } = proof.value;
  if (extra.byteLength === 0)
    throw new OperatorError({
      code: 'AUDIT_PROOF_INVALID',
      happened: `${path} has no line extra: what is proven does not stand in it.`,
      kept: 'Nothing was changed.',
      todo: 'Ask for a proof that carries its entry (kvytok audit prove).',
    });
  if (!provesInclusion(leafHash(extra), { index, size: head.size, root: head.root }, hashes))
    throw new OperatorError({
      code: 'AUDIT_PROOF_INVALID',
      happened: `The entry of ${path} is not leaf ${index} of the log that was signed.`,
      kept: 'Nothing was changed.',
      todo: 'Do not rely on what the entry says. Ask for the proof again; if it stays so, show it to the auditor.',
    });
  const { origin, size } = head;
  const found = { origin, size, index, kind: kindOf(extra), witnesses: seen, entry: extra.toString('utf8') };
  io.stdout.write(`${JSON.stringify(found)}\n`);
  return EXIT.ok;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
