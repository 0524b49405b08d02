/** How a person signs here: with a key for development, or with a tool of his own, a file in and a file out. */
import { sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readPrivateKeyFile } from '#platform/secret-files.ts';
import { type CommandIo, UsageError } from '../command.ts';

export interface SigningValues {
  /** Ed25519 private key, PEM: the scheme for development. */
  readonly key?: string | undefined;
  /** What the tool made: DER (`.p7s`), PEM or base64. */
  readonly signature?: string | undefined;
  /** Where what is to be signed is written, for the tool. */
  readonly statement?: string | undefined;
}

/** The signature in base64; `null` = the statement was written down and nothing is signed yet. */
export function signatureOf(statement: string, values: SigningValues, io: CommandIo): string | null {
  if (values.signature !== undefined) return readSignature(resolve(io.cwd, values.signature));
  if (values.statement !== undefined) {
    const file = resolve(io.cwd, values.statement);
    try {
      writeFileSync(file, statement, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      throw new UsageError(`${file} cannot be written (${(error as NodeJS.ErrnoException).code})`);
    }
    io.stdout.write(`${JSON.stringify({ statement: file })}\n`);
    io.stderr.write(
      'Sign this file as it is (detached, CAdES-BES), then hand the .p7s in with --signature.\n',
    );
    return null;
  }
  if (values.key === undefined)
    throw new UsageError(
      `--key PRIVATE.pem, --statement FILE or --signature FILE is needed; what is signed:\n${statement}`,
    );
  const key = readPrivateKeyFile(resolve(io.cwd, values.key));
  io.stderr.write('This is a signature for development: the law does not count it as one by hand.\n');
  return sign(null, Buffer.from(statement, 'utf8'), key).toString('base64');
}

/** A tool writes DER, or text with or without lines around it. */
function readSignature(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (bytes[0] === 0x30) return bytes.toString('base64');
  return bytes
    .toString('latin1')
    .replace(/-----[A-Z0-9 ]+-----/g, '')
    .replace(/\s/g, '');
}
