/** `kvytok keys`: the city's own signing keys follow each other, and every device follows them. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { KeyUse } from '#contracts/command.ts';
import {
  firstInspectionKeys,
  type NetworkKeys,
  networkKeysText,
  nextInspectionKeys,
} from '#contracts/vehicle-key.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { systemClock } from '#platform/clock.ts';
import { OperatorError } from '#platform/errors.ts';
import { readPrivateKeyFile, readSecretFile } from '#platform/secret-files.ts';
import { announceKeys, keyProgress } from '../../ingest/enrolment/adapters/key-office.ts';
import { readInspectionKeys } from '../../ingest/enrolment/config.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { zonedInstantOf } from '../instants.ts';

export const usage = `Usage: kvytok keys new --out FILE
       kvytok keys show FILE
       kvytok keys announce --use ingest|lists --keys ID=FILE[,ID=FILE] --by ID=FILE [--who NAME]
       kvytok keys status [--json]
       kvytok keys inspection --file FILE [--accept-old-until INSTANT]

new        makes an Ed25519 signing key in FILE
show       prints the public half of a key, PEM
announce   tells every device which keys the city signs with from now on (--keys, public or private), sealed with a
           private key that they believe already (--by). One of their present keys must stay among the new ones
status     who has followed the last word; exit code 1 while somebody has not
inspection makes the key from which those of vehicles' networks are made, in FILE; where one is there, its successor, and
           what is there is accepted until an instant (ISO, with Z). Devices get both when they renew or are enrolled

To change a key: announce the old and the new one, by the old; wait until "status" names nobody; let the service sign with
the new one; announce the new one alone, by the new; name it in the pins file of enrolment.

  --data     data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role office_runtime)
`;

const OPTIONS = {
  out: { type: 'string' },
  use: { type: 'string' },
  keys: { type: 'string' },
  by: { type: 'string' },
  who: { type: 'string', default: 'kvytok keys' },
  json: { type: 'boolean', default: false },
  file: { type: 'string' },
  'accept-old-until': { type: 'string' },
  data: { type: 'string' },
} as const;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [what, file, ...rest] = positionals;
  if (rest.length > 0 || (file !== undefined && what !== 'show')) throw new UsageError('too much');
  switch (what) {
    case 'new':
      return makeKey(values.out, io);
    case 'show':
      if (file === undefined) throw new UsageError('which key? Give its file');
      io.stdout.write(pemOf(readKey(resolve(io.cwd, file))));
      return EXIT.ok;
    case 'announce':
      return announce(values, io);
    case 'status':
      return status(values, io);
    case 'inspection':
      return makeInspectionKey(values, io);
    default:
      throw new UsageError('new, show FILE, announce, status or inspection is needed');
  }
}

function makeKey(out: string | undefined, io: CommandIo): number {
  if (out === undefined) throw new UsageError('where to? Give --out FILE');
  const path = resolve(io.cwd, out);
  if (existsSync(path)) throw new UsageError(`${out} is there already; a key is never replaced in its file`);
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileAtomic(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  io.stdout.write(pemOf(privateKey));
  return EXIT.ok;
}

function makeInspectionKey(values: Values, io: CommandIo): number {
  if (values.file === undefined) throw new UsageError('which file? Give --file FILE');
  const path = resolve(io.cwd, values.file);
  const untilText = values['accept-old-until'];
  if (existsSync(path) !== (untilText !== undefined))
    throw new UsageError('--accept-old-until says for how long the key that is there is still accepted');
  const keys = untilText === undefined ? firstInspectionKeys(randomBytes(32)) : successor(path, untilText);
  writeFileAtomic(path, networkKeysText(keys));
  for (const { version, acceptedUntilMs } of keys)
    io.stdout.write(
      `Version ${version}: ${acceptedUntilMs === undefined ? 'no end' : `until ${new Date(acceptedUntilMs).toISOString()}`}\n`,
    );
  return EXIT.ok;
}

/** Two live at a time: a further one would silence the devices that have only the oldest. */
function successor(path: string, untilText: string): NetworkKeys {
  const untilMs = zonedInstantOf(untilText, '--accept-old-until');
  const present = readInspectionKeys(path);
  const old = present[1]?.acceptedUntilMs;
  if (old !== undefined && old > systemClock.nowMs())
    throw new UsageError(
      `version ${present[1]?.version} is still accepted, until ${new Date(old).toISOString()}`,
    );
  return nextInspectionKeys(present, randomBytes(32), untilMs);
}

interface Values {
  readonly use?: string;
  readonly keys?: string;
  readonly by?: string;
  readonly who: string;
  readonly json: boolean;
  readonly file?: string;
  readonly 'accept-old-until'?: string;
  readonly data?: string;
}

async function announce(values: Values, io: CommandIo): Promise<number> {
  const use = (['ingest', 'lists'] as const).find((name): name is KeyUse => name === values.use);
  if (use === undefined) throw new UsageError('--use takes ingest or lists');
  const keys = new Map(pairsOf('--keys', values.keys, io).map(({ id, path }) => [id, readKey(path)]));
  const [by, ...more] = pairsOf('--by', values.by, io);
  if (by === undefined || more.length > 0) throw new UsageError('--by takes one ID=FILE');
  const signer = { keyId: by.id, privateKey: readPrivateKeyFile(by.path) };
  const { pool } = openAuditDatabase(values.data, io, 'office_runtime');
  try {
    const nowMs = systemClock.nowMs();
    const { keyIds } = await announceKeys(pool, { use, keys, by: signer, nowMs, announcedBy: values.who });
    io.stdout.write(
      `Announced for ${use}: ${keyIds.join(', ')}. "kvytok keys status" says who has followed.\n`,
    );
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

async function status(values: Values, io: CommandIo): Promise<number> {
  const { pool } = openAuditDatabase(values.data, io, 'office_runtime');
  try {
    const all = await keyProgress(pool);
    for (const progress of all) {
      const { use, keyIds, followed, behind } = progress;
      io.stdout.write(
        values.json
          ? `${JSON.stringify(progress)}\n`
          : `${use}: ${keyIds.join(', ')}; ${followed} devices have followed${behind.length === 0 ? '' : `, not yet: ${behind.join(', ')}`}\n`,
      );
    }
    return all.every(({ behind }) => behind.length === 0) ? EXIT.ok : EXIT.failed;
  } finally {
    await pool.end();
  }
}

function pairsOf(name: string, text: string | undefined, io: CommandIo): { id: string; path: string }[] {
  if (text === undefined) throw new UsageError(`${name} ID=FILE is needed`);
  return text.split(',').map((part) => {
    const [, id, path] = /^([a-z0-9][a-z0-9-]{0,62})=(.+)$/.exec(part) ?? [];
    if (id === undefined || path === undefined) throw new UsageError(`${name} takes ID=FILE, not ${part}`);
    return { id, path: resolve(io.cwd, path) };
  });
}

/** A private or a public Ed25519 key of a file. */
function readKey(path: string): KeyObject {
  const pem = readSecretFile(path);
  try {
    const key = pem.includes('PRIVATE KEY') ? createPrivateKey(pem) : createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below, without the file's content.
  }
  throw new OperatorError({
    code: 'SECRET_FILE_UNREADABLE',
    happened: `The file ${path} cannot be used: it is not an Ed25519 key in PEM.`,
    kept: 'Nothing was changed.',
    todo: 'Name the right file.',
  });
}

function pemOf(key: KeyObject): string {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return half.export({ type: 'spki', format: 'pem' }).toString();
}
