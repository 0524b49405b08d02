/** `kvytok audit quarantine`: what ingest put aside, what became of it, and taking in what this version knows now. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { OperatorError } from '#platform/errors.ts';
import { openAuditDatabase } from './audit-database.ts';
import { type CommandIo, EXIT, UsageError } from './command.ts';

/** Options of the command that speak of quarantine. */
export interface QuarantineOptions {
  readonly data?: string | undefined;
  readonly reason?: string | undefined;
  readonly waiting?: boolean | undefined;
  readonly who?: string | undefined;
}

const ITEMS_SHOWN_MAX = 200;
const OUTCOME_WITHIN_MS = 30_000;

/** `list`, `show ID` or `replay`. */
export async function runQuarantine(
  words: readonly string[],
  options: QuarantineOptions,
  io: CommandIo,
): Promise<number> {
  const [what, id, ...rest] = words;
  const known =
    what === 'show' ? id !== undefined : (what === 'list' || what === 'replay') && id === undefined;
  if (!known || rest.length > 0)
    throw new UsageError('quarantine list, quarantine show ID or quarantine replay');
  const { pool } = openAuditDatabase(
    options.data,
    io,
    what === 'replay' ? 'office_runtime' : 'auditor_runtime',
  );
  try {
    if (what === 'list') return await list(pool, options, io);
    return what === 'show' ? await show(pool, id as string, io) : await replay(pool, options, io);
  } finally {
    await pool.end();
  }
}

async function list(pool: pg.Pool, { reason, waiting }: QuarantineOptions, io: CommandIo): Promise<number> {
  const { rows: sums } = await pool.query<{ reason: string; outcome: string; items: bigint }>(
    `SELECT reason, outcome, count(*) AS items FROM ingest.published_quarantine_item
     GROUP BY reason, outcome ORDER BY reason, outcome`,
  );
  const { rows: items } = await pool.query<Record<string, unknown>>(
    `SELECT quarantine_id AS id, device_id AS "deviceId", epoch, seq, reason, detail, outcome, taken_as AS "takenAs",
            received_at_ms AS "receivedAtMs"
     FROM ingest.published_quarantine_item
     WHERE ($1::text IS NULL OR reason = $1) AND (NOT $2 OR outcome = 'waiting')
     ORDER BY quarantine_id DESC LIMIT ${ITEMS_SHOWN_MAX}`,
    [reason ?? null, waiting === true],
  );
  write(io, { sums, newest: items });
  return EXIT.ok;
}

async function show(pool: pg.Pool, id: string, io: CommandIo): Promise<number> {
  if (!/^[1-9][0-9]{0,17}$/.test(id)) throw new UsageError(`an item has a number, not ${id.slice(0, 40)}`);
  const { rows } = await pool.query<Record<string, unknown> & { payload: Buffer }>(
    `SELECT i.*, b.payload
     FROM ingest.published_quarantine_item AS i JOIN ingest.published_quarantine_bytes AS b USING (quarantine_id)
     WHERE quarantine_id = $1`,
    [id],
  );
  if (rows[0] !== undefined) {
    const { payload, ...item } = rows[0];
    write(io, { ...item, ...recordOf(payload) });
  } else io.stderr.write(`There is no item ${id} in quarantine.\n`);
  return rows.length > 0 ? EXIT.ok : EXIT.failed;
}

/** The bytes as text, or as base64 when they are none: malformed ones lie in quarantine too. */
export function recordOf(payload: Uint8Array): { record: string } | { recordBase64: string } {
  try {
    return { record: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload) };
  } catch {
    return { recordBase64: Buffer.from(payload).toString('base64') };
  }
}

async function replay(pool: pg.Pool, { who }: QuarantineOptions, io: CommandIo): Promise<number> {
  const commandId = randomUUID();
  await pool.query(
    `INSERT INTO ingest.command_inbox (command_id, kind, submitted_by, submitted_at_ms)
     VALUES ($1, 'replay-quarantine', $2, $3)`,
    [commandId, (who ?? 'kvytok audit').slice(0, 200), Date.now()],
  );
  // A command is carried out by whichever ingest runs; there is no event for a visitor to wait on.
  const untilMs = performance.now() + OUTCOME_WITHIN_MS;
  while (performance.now() < untilMs) {
    const { rows } = await pool.query<Record<string, unknown>>(
      `SELECT looked, taken, left_waiting AS "leftWaiting" FROM ingest.published_command_outcome WHERE command_id = $1`,
      [commandId],
    );
    if (rows[0] !== undefined) {
      write(io, { commandId, ...rows[0] });
      return EXIT.ok;
    }
    await delay(100);
  }
  throw new OperatorError({
    code: 'COMMAND_WAITS',
    happened: `No ingest has carried out the replay within ${OUTCOME_WITHIN_MS / 1000} s.`,
    kept: 'The command waits in the inbox; nothing in quarantine was changed.',
    todo: 'Start ingest (kvytok serve ingest); it carries the command out by itself. Do not submit it again.',
  });
}

function write(io: CommandIo, value: unknown): void {
  const text = JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? Number(part) : part), 2);
  io.stdout.write(`${text}\n`);
}
