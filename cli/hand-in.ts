/** Hands commands of the office in, and waits for the engine's answers where they can be read here. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isCommandKind, parsePayload } from '../fare-engine/command-kinds.ts';
import { answerTo } from '../fare-engine/read-settlement.ts';
import { openAuditDatabase } from './audit-database.ts';
import { createOffice } from './city/office.ts';
import { type CommandIo, EXIT, UsageError } from './command.ts';

const ANSWER_MS_MAX = 60_000;
const LOOK_EVERY_MS = 200;

/** Where the database is. */
export interface HandInValues {
  readonly data?: string | undefined;
}

/** What the engine said; `null` = it has not answered yet, or cannot be heard from here. */
export type CommandAnswer = Awaited<ReturnType<typeof answerTo>>;

/** Whether both roles are at hand: an address from the environment is that of one. */
export function runsHere(values: HandInValues, io: CommandIo): boolean {
  return values.data !== undefined || io.env['KVYTOK_POSTGRES_URL'] === undefined;
}

/**
 * Prints the command's id, with the answer or `waits`; a refusal is exit code 1.
 * @param payload Fields that are undefined are left out; a function is given the folder of the city
 * @throws UsageError for a payload that its schema does not take
 */
export async function handIn(
  kind: string,
  payload: object | ((cityDir: string | null) => object | Promise<object>),
  values: HandInValues,
  io: CommandIo,
  by = 'kvytok settle',
): Promise<number> {
  const commandId = randomUUID();
  const { pool, cityDir } = openAuditDatabase(values.data, io, 'office_runtime');
  try {
    const said = typeof payload === 'function' ? await payload(cityDir) : payload;
    const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
    const parsed = isCommandKind(kind) ? parsePayload(kind, given) : undefined;
    if (!parsed?.ok)
      throw new UsageError(parsed?.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
    await createOffice(pool, by, Date.now)({ commandId, kind, payload: given });
  } finally {
    await pool.end();
  }
  const [answer = null] = await answersTo([commandId], values, io);
  io.stdout.write(`${JSON.stringify({ commandId, kind, answer: answer ?? 'waits' })}\n`);
  return answer !== null && !answer.obeyed ? EXIT.failed : EXIT.ok;
}

/** Hands in what was checked already, and says what the engine answered to each. */
export async function handInAll(
  kind: string,
  payloads: readonly object[],
  by: string,
  values: HandInValues,
  io: CommandIo,
): Promise<readonly CommandAnswer[]> {
  const commands = payloads.map((payload) => ({ commandId: randomUUID(), kind, payload }));
  const { pool } = openAuditDatabase(values.data, io, 'office_runtime');
  try {
    const submit = createOffice(pool, by, Date.now);
    for (const command of commands) await submit(command);
  } finally {
    await pool.end();
  }
  return answersTo(
    commands.map(({ commandId }) => commandId),
    values,
    io,
  );
}

/** `REASON (detail)` of each command that was refused. */
export function refusalsOf(answers: readonly CommandAnswer[]): string[] {
  return answers.flatMap((one) => (one === null || one.obeyed ? [] : [`${one.reason} (${one.detail})`]));
}

/** Each refusal with what it is about, then how many commands were taken, refused, or have no answer yet. @param names in the order of the answers */
export function handedInText(names: readonly string[], answers: readonly CommandAnswer[]): string {
  const refused = answers.flatMap((one, at) =>
    refusalsOf([one]).map((why) => `refused: ${names[at]}: ${why}\n`),
  );
  const waiting = answers.filter((one) => one === null).length;
  const taken = answers.length - refused.length - waiting;
  return `${refused.join('')}${answers.length} handed in: ${taken} taken, ${refused.length} refused, ${waiting} without an answer yet`;
}

async function answersTo(
  commandIds: readonly string[],
  values: HandInValues,
  io: CommandIo,
): Promise<CommandAnswer[]> {
  const answers: CommandAnswer[] = commandIds.map(() => null);
  if (!runsHere(values, io)) return answers;
  const { pool } = openAuditDatabase(values.data, io);
  try {
    for (let waitedMs = 0; waitedMs < ANSWER_MS_MAX; waitedMs += LOOK_EVERY_MS) {
      for (const [at, commandId] of commandIds.entries()) answers[at] ??= await answerTo(pool, commandId);
      if (!answers.includes(null)) break;
      await delay(LOOK_EVERY_MS);
    }
    return answers;
  } finally {
    await pool.end();
  }
}
