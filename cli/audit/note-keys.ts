/** Keys that somebody names on the command line, and the checkpoints they prove. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describeProblems } from '#contracts/parse.ts';
import { type NoteVerifier, parseVerifier } from '#contracts/signed-note.ts';
import { OperatorError } from '#platform/errors.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../../fare-engine/audit/open-checkpoint.ts';
import type { CommandIo } from '../command.ts';
import { UsageError } from '../command.ts';

/** Name of the file in an export that holds the log's public keys, one a line. */
export const KEYS_FILE = 'log-keys.txt';

/** Reads keys as they were typed: the key itself, or a file with one in each line. */
export function readKeys(texts: readonly string[], use: NoteVerifier['use'], io: CommandIo): NoteVerifier[] {
  return texts.flatMap((text) => {
    const typed = parseVerifier(text);
    const lines = typed.ok ? [text] : linesOf(resolve(io.cwd, text));
    return lines.map((line) => {
      const key = parseVerifier(line);
      if (!key.ok) throw new UsageError(`${text}: ${describeProblems(key.problems)}`);
      if (key.value.use !== use)
        throw new UsageError(`${text} is the key of a ${key.value.use}, not of a ${use}`);
      return key.value;
    });
  });
}

/**
 * The keys that came with an export: they prove nothing about who made it.
 * @throws OperatorError AUDIT_LOG_UNREADABLE
 */
export function exportedKeys(dir: string, io: CommandIo): NoteVerifier[] {
  if (!existsSync(join(dir, KEYS_FILE)))
    throw new OperatorError({
      code: 'AUDIT_LOG_UNREADABLE',
      happened: `The audit log cannot be read from ${dir}: there is no file named ${KEYS_FILE} in it.`,
      kept: 'Nothing was changed and nothing was found out.',
      todo: 'Give the folder that kvytok audit export --log wrote; --key names the key that the city published.',
    });
  return readKeys([join(dir, KEYS_FILE)], 'log', io);
}

function linesOf(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(
      `${file} is neither a key (name+id+base64) nor a file of keys: ${(error as Error).message}`,
    );
  }
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** @throws OperatorError AUDIT_CHECKPOINT_MALFORMED, AUDIT_CHECKPOINT_UNSIGNED */
export function mustOpen(
  name: string,
  note: string,
  keys: readonly NoteVerifier[],
  witnesses: readonly NoteVerifier[] = [],
): OpenedCheckpoint {
  const opened = openCheckpoint(note, keys, witnesses);
  if (opened.ok) return opened;
  const malformed = opened.code === 'AUDIT_CHECKPOINT_MALFORMED';
  if (malformed)
    throw new OperatorError({
      code: 'AUDIT_CHECKPOINT_MALFORMED',
      happened: `The checkpoint of ${name} cannot be read: ${opened.detail}.`,
      kept: 'Nothing was changed; the log was not looked at.',
      todo: 'Fetch it again. If it stays so, keep the file and ask the operator of the log.',
    });
  throw new OperatorError({
    code: 'AUDIT_CHECKPOINT_UNSIGNED',
    happened: `The checkpoint of ${name} is not signed by the log: ${opened.detail}.`,
    kept: 'Nothing was changed; the log was not looked at.',
    todo: 'Compare the key with what the city published (--key). After a change of keys or a restore there is a new one.',
  });
}
