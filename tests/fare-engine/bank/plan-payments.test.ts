/** What is asked of a bank is what is owed, whatever happens in whichever order: the pure core over a card in memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { standingOf } from '../../../fare-engine/bank/payment.ts';
import { OneCard } from '../support/one-card.ts';

const DAYS = ['2025-10-14', '2025-10-15', '2025-10-16', '2025-10-17'] as const;
const [FIRST, SECOND] = DAYS;
const HOUR_MS = 3_600_000;
const story = (card: OneCard): string[] =>
  card.payments.map(
    ({ payment, events }) =>
      `${payment.kind} ${payment.amountMinor}: ${events.map(({ kind }) => kind).join(' ')}`,
  );

describe('closed days whose changes make up for each other', () => {
  test('are an offset, so that a later change of one of them asks for the change and no more', () => {
    const card = new OneCard();
    card.cost(FIRST, 'a', 1000n, true);
    card.cost(SECOND, 'a', 1000n, true);
    card.close(SECOND);
    card.turn();
    card.cost(FIRST, 'a', 1500n, true);
    card.cost(SECOND, 'a', 500n, true);
    card.turn();
    card.cost(FIRST, 'a', 1700n, true);
    card.turn();
    expect(story(card)).toEqual([
      'charge 2000: asked approved asked cleared',
      'offset 0: settled',
      'charge 200: asked approved asked cleared',
    ]);
    expect([card.takenMinor, card.balance('rider:a'), card.forgotten()]).toEqual([2200n, 0n, []]);
  });

  test('an account that moved after its day was charged leaves no balance behind', () => {
    const card = new OneCard();
    card.cost(FIRST, 'a', 7000n, true);
    card.turn();
    card.move(FIRST, 'a', 'b', false);
    card.close(FIRST);
    card.turn();
    expect(story(card)).toEqual(['charge 7000: asked approved asked cleared', 'offset 0: settled']);
    expect([card.balance('rider:a'), card.balance('rider:b')]).toEqual([0n, 0n]);
  });
});

describe('what a bank took back', () => {
  const charged = (): OneCard => {
    const card = new OneCard();
    card.cost(FIRST, 'a', 1500n, true);
    card.cost(SECOND, 'b', 500n, true);
    card.close(SECOND);
    card.turn();
    return card;
  };

  test('is not asked for again when a day becomes cheaper: its debt becomes smaller', () => {
    const card = charged();
    card.chargeBack((left) => left);
    card.cost(FIRST, 'a', 1200n, true);
    card.turn();
    expect(story(card)).toEqual([
      'charge 2000: asked approved asked cleared charged-back lowered',
      'offset 300: settled',
    ]);
    expect([card.owedMinor(), card.balance('rider:a') + card.balance('rider:b')]).toEqual([1700n, 1700n]);
    card.pay();
    expect([card.owedMinor(), card.balance('rider:a'), card.balance('rider:b')]).toEqual([0n, 0n, 0n]);
    expect(card.takenMinor).toBe(1700n);
  });

  test('a part is a debt of that part, shared by the accounts; what comes later of it too, and more than all is nobody’s', () => {
    const card = charged();
    card.chargeBack(() => 400n);
    expect([card.owedMinor(), card.balance('rider:a'), card.balance('rider:b')]).toEqual([400n, 300n, 100n]);
    card.chargeBack(() => 1601n);
    expect(card.owedMinor()).toBe(400n);
    card.pay();
    card.chargeBack(() => 1600n);
    expect([card.owedMinor(), card.balance('rider:a'), card.balance('rider:b')]).toEqual([
      1600n,
      1200n,
      400n,
    ]);
    card.nowMs += 31 * 24 * HOUR_MS;
    card.turn();
    expect([card.balance('loss:bank-debt'), card.balance('rider:a')]).toEqual([1600n, 0n]);
    card.pay();
    expect([card.balance('loss:bank-debt'), card.balance('till:pay'), card.takenMinor]).toEqual([
      0n,
      2000n,
      2000n,
    ]);
  });
});

type Op =
  | { op: 'cost' | 'adjust'; day: number; account: string; minor: number }
  | { op: 'move'; day: number }
  | { op: 'swap'; day: number }
  | { op: 'close'; day: number }
  | { op: 'wait'; hours: number }
  | { op: 'bank'; approves: boolean }
  | { op: 'charge-back'; percent: number }
  | { op: 'pay' };
const day = fc.nat(DAYS.length - 1);
const account = fc.constantFrom('a', 'b');
const minor = fc.nat(5).map((n) => n * 500 + (n % 2));
const ops = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ op: fc.constant('cost' as const), day, account, minor }) },
    { weight: 5, arbitrary: fc.record({ op: fc.constant('adjust' as const), day, account, minor }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('move' as const), day }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('swap' as const), day }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('close' as const), day }) },
    {
      weight: 2,
      arbitrary: fc.record({ op: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 900 }) }),
    },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('bank' as const), approves: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant('charge-back' as const),
        percent: fc.integer({ min: 1, max: 100 }),
      }),
    },
    fc.record({ op: fc.constant('pay' as const) }),
  ),
  { maxLength: 24 },
);

function happen(card: OneCard, one: Op): void {
  if (one.op === 'bank') card.approves = () => one.approves;
  else if (one.op === 'wait') card.nowMs += one.hours * HOUR_MS;
  else if (one.op === 'pay') card.pay();
  else if (one.op === 'charge-back') card.chargeBack((left) => (left * BigInt(one.percent)) / 100n);
  else if (one.op === 'close') card.close(DAYS[one.day] as string);
  else if (one.op === 'move') {
    const fareDay = DAYS[one.day] as string;
    card.move(fareDay, 'a', 'b', card.isClosed(fareDay));
  } else if (one.op === 'swap') {
    // An adjustment of two closed days: the one gets dearer by what the other gets cheaper.
    const [dearer, cheaper] = [DAYS[one.day], DAYS[(one.day + 1) % DAYS.length]] as [string, string];
    const costs = (fareDay: string) =>
      card.dueOf().find((item) => item.fareDay === fareDay && item.accountId === 'a');
    const [more, less] = [costs(dearer)?.amountMinor ?? 0n, costs(cheaper)?.amountMinor ?? 0n];
    if (card.isClosed(dearer) && card.isClosed(cheaper) && less >= 500n) {
      card.cost(dearer, 'a', more + 500n, true);
      card.cost(cheaper, 'a', less - 500n, true);
    }
  } else {
    const fareDay = DAYS[one.day] as string;
    // Before its close a day gets rides, after it adjustments.
    if (card.isClosed(fareDay) === (one.op === 'adjust'))
      card.cost(fareDay, one.account, BigInt(one.minor), true);
  }
  card.turn();
}

test('no closed day is ever forgotten, and once all is paid each rider has paid what his days cost', () => {
  let [offsets, lowered] = [0, 0];
  fc.assert(
    fc.property(ops, (list) => {
      const card = new OneCard();
      for (const fareDay of DAYS) card.cost(fareDay, 'a', 1000n, true);
      card.close(SECOND);
      card.turn();
      for (const one of list) {
        happen(card, one);
        expect(card.forgotten()).toEqual([]);
      }
      card.approves = () => true;
      card.close(DAYS[3]);
      for (let round = 0; round < 8; round += 1) {
        card.nowMs += 24 * HOUR_MS;
        card.turn();
        while (card.pay()) card.turn();
      }
      expect(card.owedMinor()).toBe(0n);
      const open = card.differences();
      for (const name of ['a', 'b']) {
        const waiting = [...open]
          .filter(([key]) => key.endsWith(` ${name}`))
          .reduce((sum, [, m]) => sum + m, 0n);
        expect(card.balance(`rider:${name}`)).toBe(waiting);
      }
      const cost = card.dueOf().reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
      const over = [...open.values()].reduce((sum, m) => sum + m, 0n);
      // What is over waits for rides where no charge is left to give it back of; nothing is ever missing.
      expect(over <= 0n).toBe(true);
      expect(card.takenMinor).toBe(cost - over);
      expect(card.balance('loss:bank-debt')).toBe(0n);
      offsets += card.payments.filter(({ payment }) => payment.kind === 'offset').length;
      lowered += card.payments.filter(({ events }) => events.some(({ kind }) => kind === 'lowered')).length;
      for (const { payment, events } of card.payments) expect(standingOf(payment, events).phase).toBe('done');
    }),
    { numRuns: Number(process.env['KVYTOK_PROPERTY_RUNS'] ?? 1000) },
  );
  expect(offsets).toBeGreaterThan(20);
  expect(lowered).toBeGreaterThan(0);
});
