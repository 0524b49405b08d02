/** `kvytok tariff officers`: who may sign for tariffs. Makes a key and writes its public half into officers.yaml; ends it again. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Document, parseDocument } from 'yaml';
import { OFFICER_ID } from '#contracts/tariff-approval.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { loadCity } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import { placesOf, readOfficers } from '../../fare-engine/adapters/approval-files.ts';
import { parseOfficers } from '../../fare-engine/tariff-life/officers-file.ts';
import { openKey, publicPem } from '../city/city-keys.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

/** Hours between activation and date in a file that is made here. */
const LEAD_HOURS = 72;
/** How long somebody is in office unless it is said. */
const YEARS = 2;

const OPTIONS = {
  city: { type: 'string' },
  officers: { type: 'string' },
  person: { type: 'string' },
  role: { type: 'string', multiple: true },
  key: { type: 'string' },
  'public-key': { type: 'string' },
  from: { type: 'string' },
  until: { type: 'string' },
} as const;
type Values = Partial<Record<Exclude<keyof typeof OPTIONS, 'role'>, string>> & { role?: string[] };

export async function tariffOfficers(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [verb, officer, ...rest] = positionals;
  if (values.city === undefined && values.officers === undefined)
    throw new UsageError('--city DIR, or --officers FILE, says whose officers they are');
  const file =
    values.officers === undefined
      ? officersFileOf(resolve(io.cwd, values.city as string))
      : resolve(io.cwd, values.officers);
  if (verb === 'list' && officer === undefined) return list(file, io);
  if (officer === undefined || !new RegExp(OFFICER_ID).test(officer) || rest.length > 0)
    throw new UsageError(
      'write: kvytok tariff officers list, add ID, or revoke ID; an id is small letters, digits, -',
    );
  if (verb === 'add') return add(file, officer, values, io);
  if (verb === 'revoke') return revoke(file, officer, values, io);
  throw new UsageError('write: kvytok tariff officers add ID, revoke ID, or list');
}

/** @throws OperatorError CITY_DATA_INVALID where the folder is no city's: a mistyped one would look like a city without officers */
function officersFileOf(cityDir: string): string {
  return placesOf(loadCity(cityDir).dir).officersFile;
}

function list(file: string, io: CommandIo): number {
  const { byId } = readOfficers(file);
  if (byId.size === 0) io.stdout.write(`Nobody may sign for tariffs: ${file} names no officer.\n`);
  for (const o of byId.values()) {
    const ended = o.revokedFromMs === null ? '' : `, revoked from ${iso(o.revokedFromMs)}`;
    io.stdout.write(
      `${o.officerId}: ${o.person}, ${o.roles.join(' and ')}, ${iso(o.validFromMs)} to ${iso(o.validUntilMs)}${ended}\n`,
    );
  }
  return EXIT.ok;
}

function add(file: string, officer: string, values: Values, io: CommandIo): number {
  const { person, role: roles = [] } = values;
  if (person === undefined || roles.length === 0)
    throw new UsageError(
      '--person NAME and --role author|approver (or both, one after the other) are needed',
    );
  if ((values.key === undefined) === (values['public-key'] === undefined))
    throw new UsageError(
      '--key FILE (made if it is not there), or --public-key FILE of a key made elsewhere',
    );
  if (readOfficers(file).byId.has(officer)) throw known(officer, file);
  const from = values.from ?? iso(Date.now());
  const later = new Date(Date.parse(from));
  later.setUTCFullYear(later.getUTCFullYear() + YEARS);
  const row = (publicKey: string) => ({
    person,
    roles,
    public_key: publicKey,
    valid_from: from,
    valid_until: values.until ?? (Number.isNaN(later.getTime()) ? from : iso(later.getTime())),
  });
  const put = (publicKey: string) => (document: Document) =>
    document.setIn(['officers', officer], document.createNode(row(publicKey)));
  if (Date.parse(row('').valid_until) <= Date.parse(from))
    throw new UsageError('nothing was written: --until is not after --from');
  // All else is checked with a key that nobody keeps: a wrong date leaves no key behind.
  changed(file, put(publicPem(generateKeyPairSync('ed25519').publicKey)));
  const publicKey = publicKeyOf(values, file, io);
  refuseForeignKey(file, officer, changed(file, put(publicKey)));
  write(file, put(publicKey));
  io.stdout.write(
    `${officer} (${person}) may sign as ${roles.join(' and ')} until ${row('').valid_until}\n${file}\n`,
  );
  return EXIT.ok;
}

function revoke(file: string, officer: string, values: Values, io: CommandIo): number {
  const before = readOfficers(file).byId.get(officer);
  if (before === undefined) throw new UsageError(`${file} names no officer ${officer}`);
  const from = values.from ?? iso(Date.now());
  // A later date would let a lost key sign again, and what it signed since would look good.
  if (before.revokedFromMs !== null && !(Date.parse(from) <= before.revokedFromMs))
    throw new UsageError(
      `${officer} is revoked from ${iso(before.revokedFromMs)} on already; only an earlier --from changes that`,
    );
  write(file, (document) => document.setIn(['officers', officer, 'revoked_from'], from));
  io.stdout.write(`Nothing that ${officer} signs is taken from ${from} on\n${file}\n`);
  return EXIT.ok;
}

/** Changes the file and keeps its remarks. */
function write(file: string, change: (document: Document) => void): void {
  writeFileAtomic(file, changed(file, change), { mode: 0o644 });
}

/**
 * What the file would be.
 * @throws UsageError where the engines would not read it.
 */
function changed(file: string, change: (document: Document) => void): string {
  const text = existsSync(file)
    ? readFileSync(file, 'utf8')
    : `# Who may sign for tariffs. Public keys only; each private key stays with its officer.\nv: 1\nlead_hours: ${LEAD_HOURS}\n`;
  const document = parseDocument(text);
  if (!document.hasIn(['officers'])) document.setIn(['officers'], document.createNode({}));
  change(document);
  try {
    parseOfficers(document.toJS({ maxAliasCount: 0 }));
  } catch (error) {
    throw new UsageError(`nothing was written: ${(error as Error).message}`);
  }
  return document.toString({ lineWidth: 0 });
}

/** The public half of a key that is given, or of one that is made now. */
function publicKeyOf(values: Values, file: string, io: CommandIo): string {
  const given = values['public-key'];
  if (given !== undefined) {
    try {
      // A private key named by mistake goes no further: only its public half does.
      return publicPem(createPublicKey(readFileSync(resolve(io.cwd, given), 'utf8')));
    } catch {
      throw new UsageError(`${given} cannot be read as a public key in PEM`);
    }
  }
  const path = resolve(io.cwd, values.key as string);
  if (!existsSync(path)) {
    refuseInside(path, file);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    io.stderr.write(`A new key for this officer is in ${path}: it never leaves their hands.\n`);
  }
  return publicPem(openKey(path));
}

/** One key under two people's names signs for one person, which would come out only when both have signed. */
function refuseForeignKey(file: string, officer: string, text: string): void {
  const { byId } = parseOfficers(parseDocument(text).toJS({ maxAliasCount: 0 }));
  const added = byId.get(officer);
  const other = [...byId.values()].find(
    ({ publicKey, person }) =>
      added !== undefined && publicKey.equals(added.publicKey) && person !== added.person,
  );
  if (other === undefined) return;
  throw new OperatorError({
    code: 'OFFICER_KEY_TAKEN',
    happened: `The key is that of ${other.officerId} (${other.person}) in ${file}.`,
    kept: 'Nobody was added.',
    todo: 'Give each person a key of their own: name another file after --key, and it is made.',
  });
}

/** A new private key is put neither beside officers.yaml nor anywhere in a checkout, from which it would go to everybody. */
function refuseInside(path: string, file: string): void {
  const within = (folder: string) => path.startsWith(`${folder}/`);
  let folder = dirname(path);
  while (!existsSync(join(folder, '.git')) && dirname(folder) !== folder) folder = dirname(folder);
  if (!within(dirname(file)) && !existsSync(join(folder, '.git'))) return;
  throw new OperatorError({
    code: 'OFFICER_KEY_IN_CITY',
    happened: `The private key would lie in ${dirname(path)}, among files that are handed out.`,
    kept: 'No key was made and nobody was added.',
    todo: 'Name a place outside of the checkout and of the city’s folder that only this officer reads.',
  });
}

function known(officer: string, file: string): OperatorError {
  return new OperatorError({
    code: 'OFFICER_KNOWN',
    happened: `${file} names ${officer} already.`,
    kept: 'Nothing was changed: what was signed by that key stays good.',
    todo: 'Give the new key a name of its own (anna-2); revoke the old one where it is lost.',
  });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
