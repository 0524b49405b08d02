/** `kvytok repair`: what passengers tell of journeys whose exit is missing, and the office's word on it. */
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { handIn } from '../hand-in.ts';
import { zonedInstantOf } from '../instants.ts';

export const usage = `Usage: kvytok repair list [--state queued|granted|refused] [--account ACCOUNT] [--reason CODE]
                          [--limit N] [--after REPAIR]
       kvytok repair ask TAP --stop STOP --at INSTANT [--by NAME]
       kvytok repair grant|refuse REPAIR --reason TEXT --by NAME

list    requests with where they stand, the oldest first, one JSON line each with its age in hours; without --state those that
        wait. --reason takes those that wait for NO_RULE (the network has none), LATE, OFTEN or AMOUNT. 50 at once, or --limit up
        to 1000; what is left, how old the oldest is and how to go on stands on the error stream
ask     a passenger forgot to tap out: the journey that began with TAP ended at STOP at INSTANT. The tariff's rule grants
        it within minutes, or it waits for an operator; what cannot be so is refused
grant   decides a request that waits, for a reason, by a person's name; the price follows, also on a closed day, where
refuse  it may only fall

INSTANT has a zone: 2026-03-02T06:30:00Z. TAP and REPAIR are ids as explain and list show them. ask, grant and refuse wait for the
engine's answer where it can be read (--no-wait: they do not); what it refuses is exit code 1.

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (list: role auditor_runtime; else office_runtime)
`;

const OPTIONS = {
  state: { type: 'string', default: 'queued' },
  account: { type: 'string' },
  stop: { type: 'string' },
  at: { type: 'string' },
  limit: { type: 'string', default: '50' },
  after: { type: 'string' },
  reason: { type: 'string' },
  by: { type: 'string' },
  'no-wait': { type: 'boolean' },
  data: { type: 'string' },
} as const;

/** Most requests that are listed. */
const ROWS_MAX = 1000;

const MANNER = { by: 'kvytok repair', showsPayload: true };

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
      const payload = { tapId: id, stopId: stop, atMs: zonedInstantOf(at, '--at'), by };
      return handIn('repair-journey', payload, values, io, { ...MANNER, by: values.by ?? MANNER.by });
    }
    case 'grant':
    case 'refuse': {
      const { reason, by } = values;
      if (reason === undefined || by === undefined) throw new UsageError('--reason and --by are needed');
      const verdict = what === 'grant' ? 'granted' : 'refused';
      const payload = { repairId: id, verdict, reason, by };
      return handIn('decide-repair', payload, values, io, { ...MANNER, by });
    }
    default:
      throw new UsageError('list, ask, grant or refuse is needed');
  }
}

const REASONS = ['NO_RULE', 'LATE', 'OFTEN', 'AMOUNT'];
const REPAIR_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function list(values: Values, io: CommandIo): Promise<number> {
  const { state, account, data, reason, limit, after } = values;
  if (!['queued', 'granted', 'refused'].includes(state))
    throw new UsageError('--state takes queued, granted or refused');
  if (reason !== undefined && !REASONS.includes(reason))
    throw new UsageError(`--reason takes ${REASONS.join(', ')}`);
  if (!/^[1-9]\d{0,3}$/.test(limit) || Number(limit) > ROWS_MAX)
    throw new UsageError(`--limit takes 1 to ${ROWS_MAX}`);
  if (after !== undefined && !REPAIR_ID.test(after))
    throw new UsageError('--after takes the id of a request');
  return withDatabase(data, io, async (pool, nowMs) => {
    const { rows } = await pool.query<ListedRepair>(LIST, [
      ...[state, account ?? null, reason ?? null, after ?? null, Number(limit)],
    ]);
    const ageH = (askedAtMs: number) => Math.max(0, Math.floor((nowMs() - askedAtMs) / 3_600_000));
    for (const { line } of rows)
      io.stdout.write(`${JSON.stringify({ ...line, age_h: ageH(line.asked_at_ms) })}\n`);
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) io.stderr.write('None.\n');
    else
      io.stderr.write(
        `${rows.length} of ${first.all}, the oldest of ${ageH(first.line.asked_at_ms)} h.${Number(first.all) > rows.length ? ` Go on: --after ${last.line.repair_id}` : ''}\n`,
      );
  });
}

interface ListedRepair {
  readonly line: { readonly asked_at_ms: number; readonly repair_id: string };
  /** How many there are from here on. */
  readonly all: bigint;
}

/** $1 state, $2 account, $3 reason, $4 the request after which to go on, $5 how many. */
const LIST = `
  SELECT to_json(r) AS line, count(*) OVER () AS all FROM fare.published_repair r
  WHERE state = $1 AND ($2::text IS NULL OR account_id = $2) AND ($3::text IS NULL OR queued_for = $3)
    AND ($4::uuid IS NULL OR (asked_at_ms, repair_id) > (SELECT known_from_ms, repair_id FROM fare.repair_request WHERE repair_id = $4))
  ORDER BY asked_at_ms, repair_id LIMIT $5`;

async function withDatabase(
  data: string | undefined,
  io: CommandIo,
  work: (pool: pg.Pool, nowMs: () => number) => Promise<void>,
): Promise<number> {
  const { pool, nowMs } = openAuditDatabase(data, io);
  try {
    await work(pool, nowMs);
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}
