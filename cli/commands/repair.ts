/** `kvytok repair`: what passengers tell of journeys whose exit is missing, and the office's word on it. */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { isCommandKind, parsePayload } from '../../fare-engine/command-kinds.ts';
import { openAuditDatabase, type VisitorRole } from '../audit-database.ts';
import { createOffice } from '../city/office.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

export const usage = `Usage: kvytok repair list [--state queued|granted|refused] [--account ACCOUNT]
       kvytok repair ask TAP --stop STOP --at INSTANT [--by NAME]
       kvytok repair grant|refuse REPAIR --reason TEXT --by NAME

list    requests with where they stand, the oldest first, one JSON line each; without --state those that wait
ask     a passenger forgot to tap out: the journey that began with TAP ended at STOP at INSTANT. The tariff's rule grants
        it within minutes, or it waits for an operator; what cannot be so is refused
grant   decides a request that waits, for a reason, by a person's name; the price follows, also on a closed day, where
refuse  it may only fall

INSTANT has a zone: 2026-03-02T06:30:00Z. TAP and REPAIR are ids as explain and list show them.

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (list: role auditor_runtime; else office_runtime)
`;

const OPTIONS = {
  state: { type: 'string', default: 'queued' },
  account: { type: 'string' },
  stop: { type: 'string' },
  at: { type: 'string' },
  reason: { type: 'string' },
  by: { type: 'string' },
  data: { type: 'string' },
} as const;

/** Most requests that are listed. */
const ROWS_MAX = 1000;

type Values = ReturnType<typeof parse>['values'];

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, id, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  switch (what) {
    case 'list':
      return list(values, io);
    case 'ask': {
      const { stop, at, by = 'passenger' } = values;
      if (stop === undefined || at === undefined) throw new UsageError('--stop and --at are needed');
      const payload = { tapId: id, stopId: stop, atMs: instantOf(at), by };
      return submit('repair-journey', payload, values, io);
    }
    case 'grant':
    case 'refuse': {
      const { reason, by } = values;
      if (reason === undefined || by === undefined) throw new UsageError('--reason and --by are needed');
      const verdict = what === 'grant' ? 'granted' : 'refused';
      return submit('decide-repair', { repairId: id, verdict, reason, by }, values, io);
    }
    default:
      throw new UsageError('list, ask, grant or refuse is needed');
  }
}

async function list({ state, account, data }: Values, io: CommandIo): Promise<number> {
  if (!['queued', 'granted', 'refused'].includes(state))
    throw new UsageError('--state takes queued, granted or refused');
  return withDatabase(data, io, 'auditor_runtime', async (pool) => {
    const { rows } = await pool.query<{ line: unknown }>(
      `SELECT to_json(r) AS line FROM fare.published_repair r
       WHERE state = $1 AND ($2::text IS NULL OR account_id = $2) ORDER BY asked_at_ms, repair_id LIMIT ${ROWS_MAX}`,
      [state, account ?? null],
    );
    for (const { line } of rows) io.stdout.write(`${JSON.stringify(line)}\n`);
  });
}

async function submit(kind: string, payload: object, { data, by }: Values, io: CommandIo): Promise<number> {
  const parsed = isCommandKind(kind) ? parsePayload(kind, payload) : undefined;
  if (!parsed?.ok)
    throw new UsageError(parsed?.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
  return withDatabase(data, io, 'office_runtime', async (pool) => {
    const commandId = randomUUID();
    await createOffice(pool, by ?? 'kvytok repair', Date.now)({ commandId, kind, payload });
    io.stdout.write(`${JSON.stringify({ commandId, kind, payload })}\n`);
  });
}

async function withDatabase(
  data: string | undefined,
  io: CommandIo,
  role: VisitorRole,
  work: (pool: pg.Pool) => Promise<void>,
): Promise<number> {
  const { pool } = openAuditDatabase(data, io, role);
  try {
    await work(pool);
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

function instantOf(text: string): number {
  const zoned = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const ms = zoned ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  throw new UsageError('--at takes an instant with its zone, e.g. 2026-03-02T06:30:00Z');
}
