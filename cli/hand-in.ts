/** Hands commands of the office in, and waits for the engine's answers where they can be read here. */
import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { inTransaction } from '#platform/postgres.ts';
import type { CommandAnswer, HandedIn } from '../fare-engine/command-answers.ts';
import { type CommandKind, parsePayload } from '../fare-engine/command-kinds.ts';
import { hearsAnswers, openAuditDatabase } from './audit-database.ts';
import { awaitAnswers, type Patience, type WaitedFor } from './await-answers.ts';
import { type CommandIo, EXIT, UsageError } from './command.ts';

/** Options that every command of the office has. */
export interface HandInValues {
  /** Where the database is. */
  readonly data?: string | undefined;
  /** Leaves at once, without the answer. */
  readonly 'no-wait'?: boolean | undefined;
}

/** Where the city is and what time it has there: what a payload may need to know. */
export interface CityHere {
  /** `null` = its folder is not at hand. */
  readonly cityDir: string | null;
  readonly nowMs: () => number;
}

/** How one command is handed in. */
export interface HandInManner {
  /** Who says so. */
  readonly by: string;
  readonly patience?: Patience;
  /** The answer repeats what was handed in. */
  readonly showsPayload?: boolean;
}

/** Commands with what the engine said to each; `code` is 1 where one was refused, or somebody stopped the waiting. */
export interface Outcome {
  readonly commands: readonly HandedIn[];
  readonly answers: readonly CommandAnswer[];
  readonly code: number;
}

/**
 * Prints the command's id, with the answer or `waits`; a refusal is exit code 1.
 * @param payload Fields that are undefined are left out
 * @throws UsageError for a payload that its schema does not take
 */
export async function handIn(
  kind: CommandKind,
  payload: object | ((here: CityHere) => object | Promise<object>),
  values: HandInValues,
  io: CommandIo,
  { by, patience, showsPayload = false }: HandInManner,
): Promise<number> {
  const payloads = async (here: CityHere) => [typeof payload === 'function' ? await payload(here) : payload];
  const { commands, answers, code } = await handInAll(kind, payloads, by, values, io, patience);
  for (const [at, { commandId, payload: given }] of commands.entries()) {
    const said = { commandId, kind, ...(showsPayload && { payload: given }), answer: answers[at] ?? 'waits' };
    io.stdout.write(`${JSON.stringify(said)}\n`);
  }
  return code;
}

/**
 * Hands several in, all or none, and says what the engine answered to each.
 * @throws UsageError for a payload that its schema does not take; nothing is handed in then
 */
export async function handInAll(
  kind: CommandKind,
  payloads: readonly object[] | ((here: CityHere) => Promise<readonly object[]>),
  by: string,
  values: HandInValues,
  io: CommandIo,
  patience: Patience = 'a-minute',
): Promise<Outcome> {
  const { pool, ...here } = openAuditDatabase(values.data, io, 'office_runtime');
  let commands: readonly HandedIn[];
  try {
    const said = typeof payloads === 'function' ? await payloads(here) : payloads;
    commands = said.map((payload) => ({
      commandId: randomUUID(),
      kind,
      payload: checkPayload(kind, payload),
    }));
    await submit(pool, commands, by, here.nowMs());
  } finally {
    await pool.end();
  }
  const { answers, stopped } = await answersTo(commands, patience, values, io);
  if (stopped)
    io.stderr.write(
      'Stopped waiting. What was handed in stays so: it is obeyed or refused all the same, do not hand it in again.\n',
    );
  const code = stopped || refusalsOf(answers).length > 0 ? EXIT.failed : EXIT.ok;
  return { commands, answers, code };
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

/** What is given of a payload: fields that are undefined stay away. @throws UsageError where its schema does not take it */
export function checkPayload(kind: CommandKind, payload: object): object {
  const given = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
  const parsed = parsePayload(kind, given);
  if (parsed.ok) return given;
  throw new UsageError(parsed.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
}

/** In their order; a connection that breaks leaves all of them or none. */
function submit(pool: pg.Pool, commands: readonly HandedIn[], by: string, nowMs: number): Promise<void> {
  return inTransaction(pool, async (client) => {
    for (let at = 0; at < commands.length; at += ROWS_AT_ONCE)
      await client.query(INSERT, [
        JSON.stringify(commands.slice(at, at + ROWS_AT_ONCE)),
        by.slice(0, 200),
        nowMs,
      ]);
  });
}

const ROWS_AT_ONCE = 500;

const INSERT = `
  INSERT INTO fare.command_inbox (command_id, kind, payload, submitted_by, submitted_at_ms)
  SELECT id, kind, payload, $2, $3
  FROM ROWS FROM (json_to_recordset($1) AS ("commandId" uuid, kind text, payload jsonb)) WITH ORDINALITY AS r (id, kind, payload, n)
  ORDER BY n`;

async function answersTo(
  commands: readonly HandedIn[],
  patience: Patience,
  values: HandInValues,
  io: CommandIo,
): Promise<WaitedFor> {
  const waits = values['no-wait'] !== true && hearsAnswers(values.data, io);
  if (!waits || commands.length === 0) return { answers: commands.map(() => null), stopped: false };
  const { pool } = openAuditDatabase(values.data, io);
  try {
    return await awaitAnswers(pool, commands, patience, io);
  } finally {
    await pool.end();
  }
}
