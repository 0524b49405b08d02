/** How late is too late says the tariff in force at the tap, for its network, as it was known at the close. */
import { expect, test } from 'vitest';
import { INITIAL_STATE } from '#pricing/model.ts';
import { createTariffTimeline } from '#pricing/tariff-timeline.ts';
import { planDay } from '../../fare-engine/close-day.ts';
import { accountDay } from '../../fare-engine/facts/account-day.ts';
import { factOfRecord } from '../../fare-engine/facts/tap-of-record.ts';
import { createPricer } from '../../fare-engine/main.ts';
import { CALENDAR, PACKAGE, packageOf } from '../support/tariff.ts';
import { NO_PLACES, tapRow, token } from './support/a-record.ts';
import { RULES } from './support/engine-database.ts';

const HOUR_MS = 3_600_000;
const NOON = Date.parse('2026-03-02T12:00:00+02:00');
const END = CALENDAR.endOfMs('2026-03-02');
const CLOSED = END + HOUR_MS;

const accept = (municipal: number, other: number) => ({
  'tap-policy.yaml': (PACKAGE['tap-policy.yaml'] as string)
    .replace('late_tap_accept_s: 259200', `late_tap_accept_s: ${municipal}`)
    .replace('late_tap_accept_s: 259200', `late_tap_accept_s: ${other}`),
});
const twoHours = packageOf(accept(7200, 10_800));
const corrected = packageOf({
  ...accept(86_400, 86_400),
  'tariff.yaml': (PACKAGE['tariff.yaml'] as string).replace('test-1', 'test-2'),
});

/** What the rider is charged of a ride on a day closed one hour after its end. */
function charged(routeId: string, receivedAtMs: number, correctionKnownMs = CLOSED + 1): bigint {
  const activations = new Map([
    [twoHours.hash, 0],
    [corrected.hash, correctionKnownMs],
  ]);
  const { timeline } = createTariffTimeline([twoHours, corrected], activations);
  const row = { inboxId: 1n, ...tapRow({ seq: 1, atMs: NOON, routeId, receivedAtMs }) };
  const fact = factOfRecord(row, RULES);
  if (fact.kind !== 'tap') throw new Error('no tap');
  const facts = { links: [], successions: [], ...NO_PLACES, entitlements: [], revocations: [], passes: [] };
  const link = {
    linkId: '1',
    tokenId: token(1),
    accountId: 'p',
    validFromMs: 0,
    validUntilMs: null,
    knownFromMs: 0,
  };
  const close = { fareDay: '2026-03-02', knownFromMs: CLOSED };
  const ready = accountDay('p', '2026-03-02', { ...facts, taps: [fact.tap], links: [link], closes: [close] });
  const { lines } = planDay(
    { state: INITIAL_STATE, base: null },
    ready,
    createPricer(timeline, CALENDAR),
    RULES,
  );
  const [line] = lines;
  return (line?.riderMinor ?? 0n) - (line?.lossMinor ?? 0n);
}

test('each network has its own time for late taps, to the millisecond', () => {
  expect([charged('T1', END + 2 * HOUR_MS - 1), charged('T1', END + 2 * HOUR_MS)]).toEqual([1200n, 0n]);
  expect([charged('P1', END + 3 * HOUR_MS - 1), charged('P1', END + 3 * HOUR_MS)]).toEqual([1300n, 0n]);
});

test('a tap known at the close is charged however late that was', () => {
  expect([charged('T1', CLOSED), charged('T1', END + 5 * HOUR_MS)]).toEqual([1200n, 0n]);
});

test('a package activated after the close does not lengthen the time of a closed day', () => {
  expect(charged('T1', END + 5 * HOUR_MS, CLOSED)).toBe(1200n);
  expect(charged('T1', END + 5 * HOUR_MS, CLOSED + 1)).toBe(0n);
});
