/** The same property as in memory, on real PostgreSQL with two workers at once. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NOTHING } from '#pricing/state-text.ts';
import { lockAccounts } from '../../fare-engine/adapters/account-statements.ts';
import type { Pricer } from '../../fare-engine/ports.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { workInbox, workQueue } from '../../fare-engine/work-chunk.ts';
import { until } from '../support/until.ts';
import { type RowWish, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { standInPricer } from './support/stand-in-pricer.ts';
import { ternopilPricer } from './support/ternopil-pricer.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const START = Date.UTC(2025, 9, 14, 0, 0);
let run = 0;

/** Two workers that take turns as they please until nothing is left. */
async function drainByTwo(rowsMax: number, pricer: Pricer): Promise<void> {
  const worker = async (): Promise<void> => {
    const deps = engine.deps(pricer);
    let retries = 0;
    for (;;) {
      try {
        if ((await workInbox(deps, rowsMax)).claimed + (await workQueue(deps, rowsMax)).claimed === 0) return;
      } catch (error) {
        // The other worker was first with a tap that moved between accounts: rolled back, and again.
        retries += 1;
        if (retries > 20) throw error;
      }
    }
  };
  await Promise.all([worker(), worker()]);
  await worker();
}

async function outcomeOf(prefix: string) {
  const { rows } = await engine.admin.query(
    `SELECT replace(d.tap_id, $1, '') AS tap, kind, rider_minor, transfer_minor, concession_minor,
            replace(steps::text, $1, '') AS steps
     FROM fare.latest_decision d WHERE d.tap_id LIKE $1 || '%' ORDER BY 1`,
    [prefix],
  );
  return rows;
}

const whole = (state: string): string => `CASE ${state} WHEN '-' THEN '${NOTHING}' ELSE ${state} END`;
/** Newest days beside their accounts that are not what is stored of those days. */
const WRONG_HEADS = `
  SELECT a.account_id, a.head_day FROM fare.account AS a LEFT JOIN LATERAL (SELECT * FROM fare.account_day AS d
    WHERE d.account_id = a.account_id ORDER BY d.fare_day DESC LIMIT 1) AS d ON true
   WHERE a.head_day IS NOT NULL AND (a.head_day, ${whole('a.head_in')}, ${whole('a.head_out')})
      IS DISTINCT FROM (d.fare_day, d.state_in, d.state_out)
      OR d.base_in IS NOT NULL AND a.head_day IS NOT NULL`;

test.each([
  ['the stand-in tariff', standInPricer()],
  ['the tariffs of Ternopil', await ternopilPricer()],
] as [string, Pricer][])(
  'by %s any order, duplication and split over two workers gives the same lines',
  {
    timeout: 120_000,
  },
  async (_, pricer) => {
    const rowsOf = fc.array(
      fc.record({
        minute: fc.integer({ min: 0, max: 2 * 24 * 60 }),
        card: fc.integer({ min: 1, max: 3 }),
        bus: fc.integer({ min: 1, max: 2 }),
      }),
      { minLength: 1, maxLength: 25 },
    );
    await fc.assert(
      fc.asyncProperty(
        rowsOf,
        fc.integer({ min: 1, max: 6 }),
        fc.infiniteStream(fc.nat()),
        async (taps, rowsMax, chance) => {
          const draw = (below: number): number => (chance.next().value as number) % below;
          run += 1;
          const made = (which: string): RowWish[] =>
            taps.map(({ minute, card, bus }, index) =>
              tapRow({
                // Devices and cards of this run and this variant alone.
                device: `${which}-${run}`,
                seq: index + 1,
                atMs: START + minute * 60_000,
                token: token(run * 100 + (which === 'once' ? 10 : 20) + card),
                vehicleId: `bus-${bus}`,
                routeId: bus === 1 ? 'T2' : 'P18',
              }),
            );
          await engine.deliver(made('once'));
          await drainByTwo(1000, pricer);
          const shuffled = made('shuffled').flatMap((row) => (draw(3) === 0 ? [row, row] : [row]));
          for (let i = shuffled.length - 1; i > 0; i--) {
            const j = draw(i + 1);
            [shuffled[i], shuffled[j]] = [shuffled[j] as RowWish, shuffled[i] as RowWish];
          }
          for (let from = 0; from < shuffled.length; ) {
            const part = shuffled.slice(from, from + 1 + draw(8));
            from += part.length;
            await engine.deliver(part);
            if (draw(2) === 0) await drainByTwo(rowsMax, pricer);
          }
          await drainByTwo(rowsMax, pricer);
          expect(await outcomeOf(`shuffled-${run}.`)).toEqual(await outcomeOf(`once-${run}.`));
        },
      ),
      { numRuns: 12 },
    );
    expect((await reconcile(engine.admin)).problems).toEqual([]);
    const { rows } = await engine.admin.query(WRONG_HEADS);
    expect(rows).toEqual([]);
  },
);

const WAITING = `SELECT FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'test-fare' AND wait_event_type = 'Lock'`;

test('who loses the race for a new account begins anew and holds what the other has made', async () => {
  const accounts = [{ accountId: 'acc-raced', derivedTokenId: null }];
  const first = await engine.pool.connect();
  try {
    await first.query('BEGIN');
    expect((await lockAccounts(first, accounts))?.get('acc-raced')).toMatchObject({
      version: 1n,
      head: null,
    });
    let runs = 0;
    // As whoever prices does: an error comes out named, in one of its own.
    const second = engine.deps().store.pricing((tx) => {
      runs += 1;
      return tx.lockAccounts(accounts).catch((cause: unknown) => {
        throw new Error('rows', { cause });
      });
    });
    await until(async () => ((await engine.admin.query(WAITING)).rowCount ?? 0) > 0, { what: 'the second' });
    await first.query('UPDATE fare.account SET version = 7 WHERE account_id = $1', ['acc-raced']);
    await first.query('COMMIT');
    expect((await second).get('acc-raced')).toBe(8n);
    expect(runs).toBe(2);
    // A row that is there is waited for and read as it was left.
    await first.query('BEGIN');
    await lockAccounts(first, accounts);
    const third = engine.deps().store.pricing((tx) => tx.lockAccounts(accounts));
    await until(async () => ((await engine.admin.query(WAITING)).rowCount ?? 0) > 0, { what: 'the third' });
    await first.query('UPDATE fare.account SET version = 11 WHERE account_id = $1', ['acc-raced']);
    await first.query('COMMIT');
    expect((await third).get('acc-raced')).toBe(12n);
  } finally {
    first.release(true);
  }
});

test('an account learns the token that it is derived from, and is held where it lies then', async () => {
  const client = await engine.pool.connect();
  try {
    const found = await lockAccounts(client, [{ accountId: 'acc-bare', derivedTokenId: null }]);
    const derived = [{ accountId: 'acc-bare', derivedTokenId: 'k1.bare' }];
    const again = await lockAccounts(client, derived);
    const { rows } = await client.query(
      "SELECT ctid::text AS place, derived_token_id FROM fare.account WHERE account_id = 'acc-bare'",
    );
    expect(rows).toEqual([{ place: again?.get('acc-bare')?.place, derived_token_id: 'k1.bare' }]);
    expect(found?.get('acc-bare')?.place).not.toBe(again?.get('acc-bare')?.place);
  } finally {
    client.release(true);
  }
});
