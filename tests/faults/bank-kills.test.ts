/** kill -9 of real processes that ask an acquirer, at each of their points: each payment is made once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BankChildOrder } from '../fare-engine/support/bank-child.ts';
import { type BankRig, openBankRig } from '../fare-engine/support/bank-rig.ts';
import { until } from '../support/until.ts';

const CHILD = fileURLToPath(new URL('../fare-engine/support/bank-child.ts', import.meta.url));
const MORNING = Date.UTC(2025, 9, 14, 6);

let rig: BankRig;
beforeAll(async () => {
  rig = await openBankRig();
});
afterAll(() => rig.stop());

/** A desk that is killed there; what it left is taken up by the next, after it has been silent for long enough. */
async function killedAt(killAt: string): Promise<NodeJS.Signals | null> {
  rig.engine.clock.advance(30_000);
  const order: BankChildOrder = {
    postgresUrl: rig.engine.database.url('fare_runtime'),
    acquirerUrl: rig.sandbox.url,
    token: rig.sandbox.token,
    nowMs: rig.engine.clock.nowMs(),
    killAt,
  };
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', CHILD, JSON.stringify(order)],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const [, signal] = await once(child, 'exit');
  return signal as NodeJS.Signals | null;
}

test('desks killed before they ask, after the answer and before each commit make each payment once', async () => {
  await rig.engine.deliver([1, 2, 3].map((n) => rig.tap(n, 1, MORNING)));
  await rig.engine.drain();
  await rig.settle();
  await rig.close('2025-10-14');
  await rig.main.stop();
  for (const killAt of [
    // A request is written down and has not left; an answer is written down and not committed.
    ...['bank.asked:1', 'bank.before-commit:2'],
    // An answer is lost in the midst of three payments, where one has been authorised and another taken.
    'bank.answered:4',
  ])
    expect(await killedAt(killAt), killAt).toBe('SIGKILL');
  rig.engine.clock.advance(30_000);
  const last = rig.office();
  await until(async () => (await last.turn()) > 0, { what: 'the seat of who was killed' });
  await rig.settle(last);
  const took = rig.sandbox.books.lines.map(({ kind, amountMinor }) => `${kind} ${amountMinor}`);
  expect(took).toEqual(['clearing 1400', 'clearing 1400', 'clearing 1400']);
  for (const n of [1, 2, 3]) {
    expect(rig.account(n).balanceMinor).toBe(98_600n);
    expect((await rig.story(n)).slice(1)).toEqual(['charge 1400: asked, approved 00, asked, cleared 00']);
  }
  expect([await rig.balance('clearing:acq'), await rig.balance('rider:%')]).toEqual([4200n, 0n]);
});
