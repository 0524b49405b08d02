/**
 * `kvytok audit witness`: run by somebody else than the city, now and then. It remembers the last state of the log it has
 * seen, proves that the new one begins with it, stores the new one and only then hands out its countersignature.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  cosignNote,
  formatVerifier,
  isKeyName,
  type NoteSigner,
  noteVerifier,
} from '#contracts/signed-note.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { OperatorError } from '#platform/errors.ts';
import { readPrivateKeyFile } from '#platform/secret-files.ts';
import type { OpenedCheckpoint } from '../../fare-engine/audit/open-checkpoint.ts';
import { judgeCheckpoint } from '../../fare-engine/audit/witness.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { addressSource, folderSource, type LogSource } from './log-source.ts';
import { mustOpen, readKeys } from './note-keys.ts';

export interface WitnessValues {
  readonly from?: string | undefined;
  readonly key?: string[] | undefined;
  readonly state?: string | undefined;
  readonly 'witness-key'?: string | undefined;
  readonly name?: string | undefined;
  readonly out?: string | undefined;
}

/** @param nowMs real time: a witness lives outside the city */
export async function runWitness(values: WitnessValues, io: CommandIo, nowMs: number): Promise<number> {
  const { from, key, state, name } = values;
  const keyFile = values['witness-key'];
  if (
    from === undefined ||
    key === undefined ||
    state === undefined ||
    keyFile === undefined ||
    name === undefined
  )
    throw new UsageError('--from, --key, --state, --witness-key and --name are needed');
  if (!isKeyName(name))
    throw new UsageError(
      '--name takes a name without spaces and plus signs: no reader would know the signature',
    );
  const signer: NoteSigner = { name, privateKey: readPrivateKeyFile(resolve(io.cwd, keyFile)) };
  const logKeys = readKeys(key, 'log', io);
  const source = /^https?:\/\//.test(from) ? addressSource(from) : folderSource(resolve(io.cwd, from));
  const folder = resolve(io.cwd, state);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const note = await source.checkpoint();
  const fresh = mustOpen(source.name, note, logKeys);
  const stateFile = join(
    folder,
    `${createHash('sha256').update(fresh.origin).digest('hex').slice(0, 16)}.checkpoint`,
  );
  const before = existsSync(stateFile) ? readFileSync(stateFile, 'utf8') : null;
  const seen = before === null ? null : mustOpen(stateFile, before, logKeys);
  const verdict = await judgeCheckpoint(seen, fresh, (level, n, width) => source.tile({ level, n, width }));
  if (!verdict.ok) throw refusal(verdict, { source, folder, notes: [before ?? '', note], fresh, nowMs });
  const cosigned = `${note}${cosignNote(fresh.text, signer, Math.floor(nowMs / 1000))}`;
  // Remembered on the disk first: a countersignature that is out and forgotten could be followed by another history.
  writeFileAtomic(stateFile, cosigned);
  if (values.out !== undefined) writeFileAtomic(resolve(io.cwd, values.out), cosigned, { mode: 0o644 });
  else io.stdout.write(cosigned);
  const report = {
    origin: fresh.origin,
    size: fresh.size,
    since: seen?.size ?? null,
    first: verdict.first,
    key: formatVerifier(noteVerifier(name, 'witness', signer.privateKey)),
  };
  io.stderr.write(`${JSON.stringify(report)}\n`);
  return EXIT.ok;
}

interface Refused {
  readonly source: LogSource;
  readonly folder: string;
  readonly notes: readonly [before: string, fresh: string];
  readonly fresh: OpenedCheckpoint;
  readonly nowMs: number;
}

/** The refusal; both signed states are kept apart first, for they are the proof. */
function refusal(
  { code, detail }: { code: string; detail: string },
  { source, folder, notes, fresh, nowMs }: Refused,
): OperatorError {
  if (code === 'AUDIT_CHECKPOINT_OLDER')
    return new OperatorError({
      code: 'AUDIT_CHECKPOINT_OLDER',
      happened: `The checkpoint of ${source.name} is older than the last one seen: ${detail}.`,
      kept: 'Nothing was countersigned; what was seen stays remembered.',
      todo: 'Read the log from its own address. If that stays behind, the log was cut off: tell the auditor.',
    });
  const evidence = join(folder, `evidence-${fresh.size}-${nowMs}`);
  mkdirSync(evidence, { recursive: true, mode: 0o700 });
  writeFileAtomic(join(evidence, 'seen.checkpoint'), notes[0]);
  writeFileAtomic(join(evidence, 'fresh.checkpoint'), notes[1]);
  if (code === 'AUDIT_FORKED')
    return new OperatorError({
      code: 'AUDIT_FORKED',
      happened: `The log ${fresh.origin} contradicts itself: ${detail}.`,
      kept: `Nothing was countersigned. Both signed states are in ${evidence}.`,
      todo: 'Keep that folder and tell the auditor: the log was rewritten, or was restored without a new life.',
    });
  return new OperatorError({
    code: 'AUDIT_NOT_PROVEN',
    happened: `The log ${fresh.origin} does not prove that it begins with what was seen: ${detail}.`,
    kept: `Nothing was countersigned. Both signed states are in ${evidence}.`,
    todo: 'Try again; a tile may have been cut off on its way. If it stays so, tell the auditor.',
  });
}
