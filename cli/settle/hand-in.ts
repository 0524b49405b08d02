/** `kvytok settle close|signer|sign`: commands of the office, with the answer where it can be read here. */
import { randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readPrivateKeyFile } from '#platform/secret-files.ts';
import { isCommandKind, parsePayload } from '../../fare-engine/command-kinds.ts';
import { answerTo, findAct } from '../../fare-engine/read-settlement.ts';
import {
  type ActSide,
  actStatement,
  ED25519_DEVELOPMENT,
} from '../../fare-engine/settlement/signature-schemes.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { createOffice } from '../city/office.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import type { SettleValues } from '../commands/settle.ts';
import { instantOf } from '../instants.ts';
import { actUnknown, cityOf, periodOf } from './show.ts';

const ANSWER_MS_MAX = 60_000;
const LOOK_EVERY_MS = 200;

export function closeMonth(month: string, values: SettleValues, io: CommandIo): Promise<number> {
  return handIn(
    'close-settlement',
    { period: periodOf(month).id, who: needed(values.who, '--who NAME') },
    values,
    io,
  );
}

export function nameSigner(values: SettleValues, io: CommandIo): Promise<number> {
  const file = resolve(io.cwd, needed(values.key, '--key PUBLIC.pem'));
  const payload = (cityDir: string | null) => {
    const instant = (text: string | undefined, option: string) =>
      text === undefined ? undefined : instantOf(text, option, cityOf(cityDir).city.zone);
    return {
      side: sideOf(values),
      carrierId: values.carrier,
      name: needed(values.name, '--name NAME'),
      scheme: values.scheme ?? ED25519_DEVELOPMENT.name,
      publicKey: readText(file),
      validFromMs: instant(values.from, '--from') ?? 0,
      validUntilMs: instant(values.until, '--until'),
      who: needed(values.who, '--who NAME'),
    };
  };
  return handIn('name-signer', payload, values, io);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

export async function signActAs(
  carrierId: string,
  month: string,
  values: SettleValues,
  io: CommandIo,
): Promise<number> {
  const period = periodOf(month).id;
  const signing = {
    period,
    carrierId,
    side: sideOf(values),
    actSha256: values.sha256 ?? (await hashOf(period, carrierId, values, io)),
    objections: values.objections !== undefined,
    ...(values.objections === undefined ? {} : { note: values.objections }),
  };
  const signerId = needed(values.signer, '--signer ID (kvytok settle list shows them)');
  const who = needed(values.who, '--who NAME');
  const signature = signatureOf(actStatement(signing), values, io);
  return handIn('sign-act', { ...signing, signerId, signature, who }, values, io);
}

function signatureOf(statement: string, values: SettleValues, io: CommandIo): string {
  if (values.signature !== undefined) return readText(resolve(io.cwd, values.signature)).replace(/\s/g, '');
  if (values.key === undefined)
    throw new UsageError(`--key PRIVATE.pem or --signature FILE is needed; what is signed:\n${statement}`);
  const key = readPrivateKeyFile(resolve(io.cwd, values.key));
  io.stderr.write('This is a signature for development: the law does not count it as one by hand.\n');
  return sign(null, Buffer.from(statement, 'utf8'), key).toString('base64');
}

/** What is signed is what the auditor's role reads, not what somebody sent. */
async function hashOf(
  period: string,
  carrierId: string,
  values: SettleValues,
  io: CommandIo,
): Promise<string> {
  if (!runsHere(values, io)) throw new UsageError('--sha256 HASH of the act is needed');
  const { pool } = openAuditDatabase(values.data, io);
  try {
    const found = await findAct(pool, period, carrierId);
    if (found === null) throw actUnknown(period, carrierId);
    return found.sha256;
  } finally {
    await pool.end();
  }
}

/** Whether both roles are at hand: an address from the environment is that of one. */
function runsHere(values: SettleValues, io: CommandIo): boolean {
  return values.data !== undefined || io.env['KVYTOK_POSTGRES_URL'] === undefined;
}

async function handIn(
  kind: string,
  payload: object | ((cityDir: string | null) => object),
  values: SettleValues,
  io: CommandIo,
): Promise<number> {
  const commandId = randomUUID();
  const { pool, cityDir } = openAuditDatabase(values.data, io, 'office_runtime');
  try {
    const said = typeof payload === 'function' ? payload(cityDir) : payload;
    const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
    const parsed = isCommandKind(kind) ? parsePayload(kind, given) : undefined;
    if (!parsed?.ok)
      throw new UsageError(parsed?.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
    await createOffice(pool, 'kvytok settle', Date.now)({ commandId, kind, payload: given });
  } finally {
    await pool.end();
  }
  const answer = runsHere(values, io) ? await answerOf(commandId, values, io) : null;
  io.stdout.write(`${JSON.stringify({ commandId, kind, answer: answer ?? 'waits' })}\n`);
  return answer !== null && !answer.obeyed ? EXIT.failed : EXIT.ok;
}

async function answerOf(commandId: string, values: SettleValues, io: CommandIo) {
  const { pool } = openAuditDatabase(values.data, io);
  try {
    for (let waitedMs = 0; waitedMs < ANSWER_MS_MAX; waitedMs += LOOK_EVERY_MS) {
      const answer = await answerTo(pool, commandId);
      if (answer !== null) return answer;
      await delay(LOOK_EVERY_MS);
    }
    return null;
  } finally {
    await pool.end();
  }
}

function sideOf({ as }: SettleValues): ActSide {
  if (as === 'department' || as === 'carrier') return as;
  throw new UsageError('--as department or --as carrier is needed');
}

function needed(value: string | undefined, what: string): string {
  if (value === undefined) throw new UsageError(`${what} is needed`);
  return value;
}
