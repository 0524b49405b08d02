/** The same property as in memory, on real PostgreSQL with two workers at once. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pricer } from '../../fare-engine/ports.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { workInbox, workQueue } from '../../fare-engine/work-chunk.ts';
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
  },
);
