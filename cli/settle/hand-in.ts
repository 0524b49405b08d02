/** `kvytok settle close|signer|sign`: commands of the office, with the answer where it can be read here. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { findAct } from '../../fare-engine/read-settlement.ts';
import {
  type ActSide,
  actStatement,
  ED25519_DEVELOPMENT,
} from '../../fare-engine/settlement/signature-schemes.ts';
import { hearsAnswers, openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import type { SettleValues } from '../commands/settle.ts';
import { type CityHere, handIn } from '../hand-in.ts';
import { instantOf } from '../instants.ts';
import { refuseUnknownCarrier } from '../known-names.ts';
import { actUnknown, cityOf, periodOf } from './show.ts';
import { signatureOf } from './sign-statement.ts';

const MANNER = { by: 'kvytok settle' };

/** A month has many taps: the answer is waited for as long as it takes. */
export function closeMonth(month: string, values: SettleValues, io: CommandIo): Promise<number> {
  return handIn(
    'close-settlement',
    { period: periodOf(month).id, who: needed(values.who, '--who NAME') },
    values,
    io,
    { ...MANNER, patience: 'as-long-as-it-takes' },
  );
}

export function nameSigner(values: SettleValues, io: CommandIo): Promise<number> {
  const file = resolve(io.cwd, needed(values.key, '--key PUBLIC.pem'));
  const payload = ({ cityDir }: CityHere) => {
    refuseUnknownCarrier(values.carrier, cityDir);
    const instant = (text: string | undefined, option: string) =>
      text === undefined ? undefined : instantOf(text, option, cityOf(cityDir).city.zone);
    return {
      side: sideOf(values),
      carrierId: values.carrier,
      name: needed(values.name, '--name NAME'),
      scheme: values.scheme ?? ED25519_DEVELOPMENT.name,
      publicKey: publicHalf(file),
      validFromMs: instant(values.from, '--from') ?? 0,
      validUntilMs: instant(values.until, '--until'),
      who: needed(values.who, '--who NAME'),
    };
  };
  return handIn('name-signer', payload, values, io, MANNER);
}

/** A command stays in the city's books and its audit log: a private key must not come so far. @throws UsageError */
function publicHalf(file: string): string {
  const pem = readText(file);
  if (!pem.includes('PRIVATE KEY')) return pem;
  throw new UsageError(
    `${file} holds a private key, which stays with its owner: give its public half (openssl pkey -in ${file} -pubout)`,
  );
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
  if (signature === null) return EXIT.ok;
  return handIn('sign-act', { ...signing, signerId, signature, who }, values, io, MANNER);
}

/** What is signed is what the auditor's role reads, not what somebody sent. */
async function hashOf(
  period: string,
  carrierId: string,
  values: SettleValues,
  io: CommandIo,
): Promise<string> {
  if (!hearsAnswers(values.data, io)) throw new UsageError('--sha256 HASH of the act is needed');
  const { pool } = openAuditDatabase(values.data, io);
  try {
    const found = await findAct(pool, period, carrierId);
    if (found === null) throw actUnknown(period, carrierId);
    return found.sha256;
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
