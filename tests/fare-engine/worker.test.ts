/** What a worker makes of turns that fail: who is to blame for it, and who never is. */
import { beforeEach, expect, test } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { startWorker } from '../../fare-engine/worker.ts';

const lines: string[] = [];
const log = createLogger({ component: 'test', level: 'error', write: (line) => lines.push(line) });
beforeEach(() => lines.splice(0));

/** Runs turns that fail so often in a row, and then one that does not; gives the portions asked for and what was set aside. */
async function failing(times: number, failure: unknown): Promise<{ portions: number[]; aside: string[] }> {
  const [portions, aside]: [number[], string[]] = [[], []];
  const done = Promise.withResolvers<void>();
  const worker = startWorker({
    tasks: [
      {
        name: 'commands',
        rowsMax: 100,
        turn: async (rowsMax) => {
          portions.push(rowsMax);
          if (portions.length <= times) throw failure;
          done.resolve();
          return 0;
        },
        setAside: async (error) => void aside.push(error.message),
      },
    ],
    log,
    wait: async () => {},
  });
  await done.promise;
  await worker.stop();
  return { portions: portions.slice(0, times + 1), aside };
}

test.each([
  ['nobody listens', Object.assign(new Error('no'), { code: 'ECONNREFUSED' })],
  ['it is starting', Object.assign(new Error('no'), { code: '57P03' })],
  ['it stands still', new Error('timeout exceeded when trying to connect')],
])(
  'while the database is away (%s) no portion shrinks and nothing is set aside, however long it lasts',
  async (_, failure) => {
    expect(await failing(500, failure)).toEqual({ portions: Array(501).fill(100), aside: [] });
  },
);

test('a database that is away for long is told as an error by now and then, one that is back soon is not', async () => {
  const failure = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
  await failing(19, failure);
  expect(lines).toEqual([]);
  await failing(59, failure);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ failures: 20 }, { failures: 40 }]);
});

test('what fails each time, also by a race that is none, is found in ever smaller portions and set aside', async () => {
  const broken = await failing(6, new Error('a rule divides by zero'));
  expect(broken).toEqual({ portions: [100, 25, 6, 1, 1, 1, 1], aside: ['a rule divides by zero'] });
  const race = Object.assign(new Error('the same key'), { code: '23505' });
  expect((await failing(19, race)).portions).toEqual(Array(20).fill(100));
  expect((await failing(80, race)).aside).toEqual(['the same key']);
});
