/** The small rules, both sides of each boundary. */
import { describe, expect, test } from 'vitest';
import { INITIAL_STATE } from '#pricing/model.ts';
import { dayToClose, planDay } from '../../fare-engine/close-day.ts';
import { accountDay, closeOf } from '../../fare-engine/facts/account-day.ts';
import { accountOf, derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import { entitlementFacts } from '../../fare-engine/facts/entitlement-facts.ts';
import type { StoredTap } from '../../fare-engine/facts/facts.ts';
import { fareAt } from '../../fare-engine/facts/fare-at.ts';
import { factOfRecord } from '../../fare-engine/facts/tap-of-record.ts';
import { postLine, reverse } from '../../fare-engine/ledger/post-line.ts';
import { NO_PLACES, tapRow, token } from './support/a-record.ts';
import { calendar, RULES } from './support/engine-database.ts';
import { standInPricer } from './support/stand-in-pricer.ts';

const NOON = Date.UTC(2025, 9, 14, 9);
const boot = (digit: string) => digit.repeat(32);

describe('the clock rule', () => {
  const rules = { driftPpm: 50, unsyncedUncertaintyS: 120, farFromReceiptS: 86_400, settleBeyondS: 5 };
  const sync = { serverMs: NOON, monoMs: 1000, bootId: boot('a'), rttMs: 301 };

  test('counts on from the last sync of the same boot, whatever the wall clock says', () => {
    const at = { wallMs: 0, monoMs: 1000 + 7_200_000, bootId: boot('a'), sync };
    expect(fareAt(at, NOON + 7_200_000, rules)).toEqual({
      fareAtMs: NOON + 7_200_000,
      // Half the round trip and 50 ppm of two hours: 150.5 + 360, rounded up.
      uncertaintyMs: 511,
      flags: [],
    });
  });

  test('takes the wall clock after a reboot, with the city’s uncertainty and a flag', () => {
    const at = { wallMs: NOON, monoMs: 0, bootId: boot('b'), sync };
    expect(fareAt(at, NOON, rules)).toEqual({
      fareAtMs: NOON,
      uncertaintyMs: 120_000,
      flags: ['CLOCK_OTHER_BOOT'],
    });
    const never = { wallMs: NOON, monoMs: 5, bootId: boot('b') };
    expect(fareAt(never, NOON, rules).flags).toEqual(['CLOCK_UNSYNCED']);
  });

  test('a wall clock that lost its time in a power loss is put after the last sync and the time since the boot', () => {
    const at = { wallMs: 0, monoMs: 90_000, bootId: boot('b'), sync };
    expect(fareAt(at, NOON, rules)).toMatchObject({
      fareAtMs: sync.serverMs + 90_000,
      flags: ['CLOCK_OTHER_BOOT'],
    });
  });

  test('flags a record a millisecond further from its receipt than the limit, and not at the limit', () => {
    const at = { wallMs: 0, monoMs: 1000, bootId: boot('a'), sync };
    expect(fareAt(at, NOON + 86_400_000, rules).flags).toEqual([]);
    expect(fareAt(at, NOON + 86_400_001, rules).flags).toEqual(['CLOCK_FAR_FROM_RECEIPT']);
    expect(fareAt(at, NOON - 86_400_001, rules).flags).toEqual(['CLOCK_FAR_FROM_RECEIPT']);
  });

  test('makes a calendar date of any clock, the broken ones too', () => {
    for (const wallMs of [-8.64e15, 8.64e15, -1, 0]) {
      const { fareAtMs } = fareAt({ wallMs, monoMs: 0, bootId: boot('b') }, NOON, rules);
      expect(calendar.fareDayOf(fareAtMs)).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    }
  });
});

describe('media links', () => {
  const link = (
    linkId: string,
    accountId: string,
    knownFromMs: number,
    from: number,
    until: number | null,
  ) => ({
    linkId,
    tokenId: token(1),
    accountId,
    validFromMs: from,
    validUntilMs: until,
    knownFromMs,
  });
  const links = [link('a', 'old', 10, 0, null), link('b', 'new', 20, 100, 200)];

  test('the latest known link that covers the instant wins, its end is exclusive', () => {
    const at = (ms: number) => accountOf(token(1), ms, links, null);
    expect([at(99), at(100), at(199), at(200)]).toEqual(['old', 'new', 'new', 'old']);
  });

  test('a close sees only what was known by then', () => {
    expect(accountOf(token(1), 150, links, 19)).toBe('old');
    expect(accountOf(token(1), 150, links, 20)).toBe('new');
    expect(accountOf(token(1), 150, links, 9)).toBe(derivedAccountId(token(1)));
  });

  test('links of one instant of knowledge do not depend on the order of reading', () => {
    const twins = [link('x', 'one', 10, 0, null), link('y', 'two', 10, 0, null)];
    expect(accountOf(token(1), 5, twins, null)).toBe('two');
    expect(accountOf(token(1), 5, twins.toReversed(), null)).toBe('two');
  });

  test('an unknown medium has an account of its own, always the same', () => {
    expect(accountOf(token(2), 5, links, null)).toBe(derivedAccountId(token(2)));
    expect(derivedAccountId(token(2))).toMatch(/^acc-[0-9a-f]{32}$/);
    expect(derivedAccountId(token(2))).not.toBe(derivedAccountId(token(1)));
  });
});

test('a revocation splits what the city knew into a time before and after it', () => {
  const grant = {
    entitlementId: 'e',
    accountId: 'p',
    concessionId: 'c',
    validFromMs: 0,
    validUntilMs: 100,
    knownFromMs: 5,
  };
  const revoked = [{ revocationId: 'r', entitlementId: 'e', validUntilMs: 40, knownFromMs: 30 }];
  const base = { entitlementId: 'e', concessionId: 'c', validFromMs: 0 };
  expect(entitlementFacts([grant], revoked)).toEqual([
    { ...base, validUntilMs: 100, knownFromMs: 5, knownUntilMs: 30 },
    { ...base, validUntilMs: 40, knownFromMs: 30, knownUntilMs: null },
  ]);
});

describe('postings', () => {
  const money = {
    fareDay: '2025-10-14',
    accountId: 'p',
    carrierId: 'c',
    fundingId: 'f',
    currency: 'UAH',
    riderMinor: 5n,
    concessionMinor: 7n,
    lossMinor: 2n,
    capMinor: 4n,
    penalty: false,
  };
  const short = (postings: ReturnType<typeof postLine>) =>
    postings.map((p) => [p.debitAccount, p.creditAccount, p.amountMinor]);

  test('rider, loss, budget and the rebate of caps pay the carrier; zero amounts make no posting', () => {
    expect(short(postLine('t', 1, money))).toEqual([
      ['rider:p', 'revenue:c', 3n],
      ['loss:late-tap', 'revenue:c', 2n],
      ['budget:f', 'revenue:c', 7n],
      ['rebate:caps', 'revenue:c', 4n],
    ]);
    const nothing = { riderMinor: 0n, lossMinor: 0n, concessionMinor: 0n, capMinor: 0n };
    expect(postLine('t', 1, { ...money, ...nothing })).toEqual([]);
  });

  test('what a missing tap costs is a penalty: the carrier does not earn it', () => {
    expect(short(postLine('t', 1, { ...money, penalty: true, concessionMinor: 0n, capMinor: 0n }))).toEqual([
      ['rider:p', 'penalty:missing-tap', 3n],
      ['loss:late-tap', 'penalty:missing-tap', 2n],
    ]);
  });

  test('a reversal exchanges the sides and names the old posting', () => {
    const [old] = postLine('t', 1, money);
    expect(reverse(old as never, 2)).toMatchObject({
      postingId: 't#2.undo-rider',
      debitAccount: 'revenue:c',
      creditAccount: 'rider:p',
      reverses: 't#1.rider',
      revision: 2,
    });
  });

  test('no tariff pays riders: negative amounts and losses above the price are bugs', () => {
    expect(() => postLine('t', 1, { ...money, riderMinor: -1n })).toThrow(RangeError);
    expect(() => postLine('t', 1, { ...money, concessionMinor: -1n })).toThrow(RangeError);
    expect(() => postLine('t', 1, { ...money, lossMinor: 6n })).toThrow(RangeError);
    expect(() => postLine('t', 1, { ...money, capMinor: -1n })).toThrow(RangeError);
  });
});

describe('closing', () => {
  const stored = (seq: number, atMs: number, receivedAtMs: number): StoredTap => {
    const row = tapRow({ seq, atMs, receivedAtMs, vehicleId: `bus-${seq}` });
    const fact = factOfRecord({ ...row, inboxId: 1n }, RULES);
    if (fact.kind !== 'tap') throw new Error('a tap was made');
    return fact.tap;
  };
  const close = { fareDay: '2025-10-14', knownFromMs: NOON + 86_400_000 };
  const late = NOON + 30 * 86_400_000;
  const ready = (fareDay: string, taps: StoredTap[]) =>
    accountDay(derivedAccountId(token(1)), fareDay, {
      taps,
      links: [],
      ...NO_PLACES,
      entitlements: [],
      revocations: [],
      passes: [],
      successions: [],
      closes: [close],
    });
  const initial = { state: INITIAL_STATE, base: null };

  test('a close covers its day and every earlier one', () => {
    const later = { fareDay: '2025-10-20', knownFromMs: 9e12 };
    expect(closeOf('2025-10-14', [later, close])).toBe(close);
    expect(closeOf('2025-10-01', [later, close])).toBe(close);
    expect(closeOf('2025-10-15', [later, close])).toBe(later);
    expect(closeOf('2025-10-21', [later, close])).toBeNull();
  });

  test('a tap that came too late is a loss; the tap in time keeps its price', () => {
    const taps = [stored(1, NOON, NOON), stored(2, NOON + 3_600_000, late)];
    const { lines, out } = planDay(initial, ready('2025-10-14', taps), standInPricer(), RULES);
    expect(lines.map((line) => [line.riderMinor, line.lossMinor])).toEqual([
      [1200n, 0n],
      [1200n, 1200n],
    ]);
    expect(out.base).not.toBeNull();
  });

  test('what came too late does not raise the next day either: its base is carried on', () => {
    // The late tap opens a new run; without it the ride after the border is a transfer of the run before.
    const border = Date.UTC(2025, 9, 15, 1);
    const minute = 60_000;
    const first = [stored(1, border - 31 * minute, NOON), stored(2, border - 25 * minute, NOON)];
    const before = planDay(initial, ready('2025-10-14', first), standInPricer(), RULES);
    const onTime = planDay(
      before.out,
      ready('2025-10-15', [stored(4, border, NOON)]),
      standInPricer(),
      RULES,
    );
    expect(onTime.lines[0]?.riderMinor).toBe(1200n);
    const withLate = planDay(
      initial,
      ready('2025-10-14', [stored(1, border - 29 * minute, NOON), stored(3, border - 60 * minute, late)]),
      standInPricer(),
      RULES,
    );
    // Without the late tap: run from −29 min, so a ride at the border is a transfer. With it: run from −60 to −30, a
    // new one from −29: also a transfer. Both states differ and both are carried.
    expect(withLate.out.base).not.toBeNull();
    const next = planDay(
      withLate.out,
      ready('2025-10-15', [stored(4, border, border)]),
      standInPricer(),
      RULES,
    );
    expect(next.lines[0]).toMatchObject({ riderMinor: 0n, lossMinor: 0n });
  });

  test('a day is due at the end of its late time, not a millisecond before', () => {
    const due = calendar.endOfMs('2025-10-14') + RULES.lateTapAcceptS * 1000;
    expect(dayToClose(due - 1, RULES)).toBe('2025-10-13');
    expect(dayToClose(due, RULES)).toBe('2025-10-14');
  });
});

test('a stop less sure than the city asks is marked, at the bound it is not; a stop that was told is never doubted', () => {
  const made = (where: object) => {
    const row = tapRow({ seq: 1, atMs: NOON });
    const record = JSON.parse(row.record);
    record.body.where = { routeId: 'r', ...where };
    const fact = factOfRecord({ ...row, inboxId: 1n, record: JSON.stringify(record) }, RULES);
    if (fact.kind !== 'tap') throw new Error('a tap was made');
    return [fact.tap.stopUnsure, fact.tap.flags.includes('STOP_UNSURE')];
  };
  const gnss = { stopId: 's', stopSource: 'gnss' };
  expect(made({ ...gnss, stopConfidencePct: 59 })).toEqual([true, true]);
  expect(made({ ...gnss, stopConfidencePct: 60 })).toEqual([false, false]);
  expect(made({ stopId: 's' })).toEqual([false, false]);
  // Without a stop there is nothing to doubt.
  expect(made({ stopConfidencePct: 5 })).toEqual([false, false]);
});
