/** Hands a command of the office in, and waits for the engine's answer where it can be read here. */
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
  payload: object | ((cityDir: string | null) => object),
  values: HandInValues,
  io: CommandIo,
  by = 'kvytok settle',
): Promise<number> {
  const commandId = randomUUID();
  const { pool, cityDir } = openAuditDatabase(values.data, io, 'office_runtime');
  try {
    const said = typeof payload === 'function' ? payload(cityDir) : payload;
    const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
    const parsed = isCommandKind(kind) ? parsePayload(kind, given) : undefined;
    if (!parsed?.ok)
      throw new UsageError(parsed?.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
    await createOffice(pool, by, Date.now)({ commandId, kind, payload: given });
  } finally {
    await pool.end();
  }
  const answer = runsHere(values, io) ? await answerOf(commandId, values, io) : null;
  io.stdout.write(`${JSON.stringify({ commandId, kind, answer: answer ?? 'waits' })}\n`);
  return answer !== null && !answer.obeyed ? EXIT.failed : EXIT.ok;
}

async function answerOf(commandId: string, values: HandInValues, io: CommandIo) {
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
