/**
 * The secrets of a city as one encrypted file, kept apart from the backup of the database: whoever finds one of the two
 * has nothing. Key by scrypt from a passphrase, AES-256-GCM over all files together.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Type } from 'typebox';
import { keyed } from '#contracts/keyed.ts';
import { decodeJson, parserOf } from '#contracts/parse.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { OperatorError } from '#platform/errors.ts';

const base64 = Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' });
const Sealed = Type.Object({ v: Type.Literal(1), salt: base64, nonce: base64, tag: base64, sealed: base64 });
/** A file's name, below a few folders at most: no part begins with a dot, so none leads out of the folder. */
const NAME = '^[a-z0-9][a-z0-9.-]{0,80}(/[a-z0-9][a-z0-9.-]{0,80}){0,3}$';
const Files = keyed(NAME, base64);

const parseSealed = parserOf(Sealed);
const parseFiles = parserOf(Files);

/** scrypt's cost: about 0.3 s and 128 MiB for each guess (RFC 7914). */
const COST = { N: 131_072, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
const PASSPHRASE_MIN = 12;
const SEALED_BYTES_MAX = 16 * 1024 * 1024;
/** Says what the bytes are, so that no other sealed file passes for one of these. */
const PURPOSE = Buffer.from('kvytok secrets v1');

/** Seals every file of `folder` and of the folders in it, e.g. `offline/…`; gives their names. @throws OperatorError SECRETS_PASSPHRASE, SECRETS_SEALED_UNREADABLE */
export function sealSecrets(folder: string, out: string, passphrase: string): string[] {
  if (passphrase.length < PASSPHRASE_MIN) throw tooShort();
  if (!existsSync(folder)) throw unreadable(folder, 'it does not exist');
  const names = namesIn(folder).sort();
  const files = Object.fromEntries(
    names.map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
  );
  const [salt, nonce] = [randomBytes(16), randomBytes(12)];
  const cipher = createCipheriv('aes-256-gcm', scryptSync(passphrase, salt, 32, COST), nonce).setAAD(PURPOSE);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(files)), cipher.final()]);
  const text = (bytes: Buffer): string => bytes.toString('base64');
  const file = {
    v: 1,
    salt: text(salt),
    nonce: text(nonce),
    tag: text(cipher.getAuthTag()),
    sealed: text(sealed),
  };
  writeFileAtomic(out, `${JSON.stringify(file)}\n`);
  return names;
}

/**
 * Opens a sealed file into `folder`, which must be empty or absent; gives the names.
 * @throws OperatorError SECRETS_SEALED_UNREADABLE for a wrong passphrase or a damaged file, SECRETS_IN_PLACE
 */
export function openSecrets(file: string, folder: string, passphrase: string): string[] {
  if (existsSync(folder) && readdirSync(folder).length > 0) throw inPlace(folder);
  const json = decodeJson(readFileSync(file), SEALED_BYTES_MAX);
  const parsed = json.ok ? parseSealed(json.value) : json;
  if (!parsed.ok) throw unreadable(file, 'it is not a file of sealed secrets');
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64');
  const { salt, nonce, tag, sealed } = parsed.value;
  let files: Record<string, string>;
  try {
    const key = scryptSync(passphrase, bytes(salt), 32, COST);
    const opener = createDecipheriv('aes-256-gcm', key, bytes(nonce)).setAAD(PURPOSE).setAuthTag(bytes(tag));
    const opened = decodeJson(
      Buffer.concat([opener.update(bytes(sealed)), opener.final()]),
      SEALED_BYTES_MAX,
    );
    const checked = opened.ok ? parseFiles(opened.value) : opened;
    if (!checked.ok) throw new Error('not files');
    files = checked.value;
  } catch {
    throw unreadable(file, 'the passphrase does not open it, or it is damaged');
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true, mode: 0o700 });
    writeFileAtomic(join(folder, name), bytes(content).toString('utf8'));
  }
  return Object.keys(files);
}

/** Names of the files below a folder. What could not be opened again is refused now, not on the day of the restore. */
function namesIn(folder: string, within = ''): string[] {
  return readdirSync(join(folder, within), { withFileTypes: true }).flatMap((entry) => {
    const name = `${within}${entry.name}`;
    if (!new RegExp(NAME).test(name)) throw unreadable(join(folder, name), 'such a name is not sealed');
    if (entry.isDirectory()) return namesIn(folder, `${name}/`);
    if (statSync(join(folder, name)).isFile()) return [name];
    throw unreadable(join(folder, name), 'it is no file');
  });
}

function tooShort(): OperatorError {
  return new OperatorError({
    code: 'SECRETS_PASSPHRASE',
    happened: `The passphrase has less than ${PASSPHRASE_MIN} characters.`,
    kept: 'Nothing was written.',
    todo: 'Put a longer one into the file, e.g. six random words, and keep it where the backup is not.',
  });
}

function unreadable(path: string, problem: string): OperatorError {
  return new OperatorError({
    code: 'SECRETS_SEALED_UNREADABLE',
    happened: `The secrets in ${path} cannot be read: ${problem}.`,
    kept: 'Nothing was changed.',
    todo: 'Name the right file and the file with its passphrase.',
  });
}

function inPlace(folder: string): OperatorError {
  return new OperatorError({
    code: 'SECRETS_IN_PLACE',
    happened: `There are secrets already in ${folder}.`,
    kept: 'They were left as they are.',
    todo: 'Give another data folder, or move that folder away by hand.',
  });
}
