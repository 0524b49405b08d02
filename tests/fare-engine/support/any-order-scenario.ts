/** What the any-order properties draw: records of two validators and facts around them, clocks that are wrong among them. */
import fc from 'fast-check';
import type { ClockEvidence } from '#contracts/record.ts';
import { LONG_RUN } from '../../support/properties.ts';
import { breakdownRow, clockSyncRow, type RowWish, shiftRow, tapRow, token } from './a-record.ts';
import type { MemoryStore } from './memory-store.ts';

/** How a validator names card number n, while a token key rotates. */
const TOKENS: readonly ((n: number) => { token: string; formerToken?: string })[] = [
  (n) => ({ token: token(n) }),
  (n) => ({ token: token(n, 2), formerToken: token(n) }),
  (n) => ({ token: token(n, 2) }),
];

export const START = Date.UTC(2025, 9, 14, 0, 0);
export const MINUTE_MS = 60_000;

/** Routes of Ternopil's feed, municipal and private, and one that no tariff knows. */
const ROUTES = ['T2', 'T5', 'P18', 'nowhere'];

const bootId = (boot: number): string => `${boot}`.repeat(32);

/** A clock that never met the city's in its boot, whose wall clock is off. */
function unsynced(minute: number, boot: number, offMinutes: number): ClockEvidence {
  const wallMs = START + (minute + offMinutes) * MINUTE_MS;
  return { wallMs, monoMs: minute * MINUTE_MS, bootId: bootId(boot) };
}

/** The sync of a boot; its monotonic time drifted a little from the city's. */
function syncedAt(minute: number, boot: number): ClockEvidence {
  const monoMs = Math.round(minute * MINUTE_MS * 1.0001);
  const serverMs = START + minute * MINUTE_MS;
  const sync = { serverMs, monoMs, bootId: bootId(boot), rttMs: 20 };
  return { wallMs: serverMs, monoMs, bootId: bootId(boot), sync };
}

/** The office corrects a clock for a day. */
function clockFact(
  said: { bus: number; fromMinute: number; offsetMinutes: number; late: boolean },
  index: number,
): (store: MemoryStore) => void {
  return (store) => {
    store.corrections.push({
      correctionId: `clock-${index}`,
      deviceId: `val-${said.bus}`,
      validFromMs: START + said.fromMinute * MINUTE_MS,
      validUntilMs: START + (said.fromMinute + 1440) * MINUTE_MS,
      epoch: null,
      fromSeq: null,
      toSeq: null,
      offsetMs: said.offsetMinutes * MINUTE_MS,
      trueAtMs: null,
      uncertaintyMs: 60_000,
      knownFromMs: said.late ? START + 6 * 24 * 60 * MINUTE_MS : START - 1000,
    });
  };
}

export interface Scenario {
  readonly rows: readonly RowWish[];
  readonly facts: readonly ((store: MemoryStore) => void)[];
}

export const scenario: fc.Arbitrary<Scenario> = fc
  .record({
    taps: fc.array(
      fc.record({
        // Most of them in one morning and of one card: there rides are transfers, break off and go on.
        minute: fc.oneof(fc.integer({ min: 0, max: 3 * 24 * 60 }), {
          weight: 3,
          arbitrary: fc.integer({ min: 300, max: 390 }),
        }),
        card: fc.constantFrom(1, 1, 1, 2, 3),
        bus: fc.integer({ min: 1, max: 2 }),
        route: fc.constantFrom(0, 0, 1, 1, 2, 3),
        // The device took it for a repetition of its last record, rightly or not.
        again: fc.boolean(),
        // Of its wall clock: 0 = synced; else the boot, and how far off the wall clock was.
        boot: fc.constantFrom(0, 0, 1, 2),
        offMinutes: fc.constantFrom(0, 3, -90, 1440, -2880, -29_000_000),
      }),
      // Small ones find more in the same time; a long run has time for large ones.
      { minLength: 1, maxLength: LONG_RUN ? 12 : 6 },
    ),
    syncs: fc.array(
      fc.record({
        minute: fc.integer({ min: 0, max: 3 * 24 * 60 }),
        bus: fc.integer({ min: 1, max: 2 }),
        boot: fc.integer({ min: 1, max: 2 }),
        place: fc.integer({ min: 1, max: LONG_RUN ? 14 : 7 }),
      }),
      { maxLength: 2 },
    ),
    clocks: fc.array(
      fc.record({
        bus: fc.integer({ min: 1, max: 2 }),
        fromMinute: fc.integer({ min: -100, max: 3 * 24 * 60 }),
        offsetMinutes: fc.constantFrom(-3, 90, -1440, 2880),
        // Known before everything, or only after the close.
        late: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
    links: fc.array(
      fc.record({
        card: fc.integer({ min: 1, max: 3 }),
        account: fc.integer({ min: 1, max: 2 }),
        fromMinute: fc.integer({ min: 0, max: 3 * 24 * 60 }),
      }),
      { maxLength: 3 },
    ),
    rights: fc.array(fc.integer({ min: 0, max: 3 * 24 * 60 }), { maxLength: 2 }),
    carriers: fc.array(fc.integer({ min: 0, max: 3 * 24 * 60 }), { maxLength: 2 }),
    shifts: fc.array(
      fc.record({
        minute: fc.integer({ min: 0, max: 3 * 24 * 60 }),
        bus: fc.integer({ min: 1, max: 2 }),
        route: fc.integer({ min: 0, max: 3 }),
        action: fc.constantFrom('open' as const, 'close' as const),
        source: fc.constantFrom('driver' as const, 'plan' as const),
      }),
      { maxLength: 3 },
    ),
    breakdowns: fc.array(
      fc.record({
        ofTap: fc.nat(LONG_RUN ? 11 : 5),
        afterMinutes: fc.constantFrom(0, 1, 2, 10, 90, 91),
        // Written down before its tap, whatever the clock said.
        before: fc.constantFrom(false, false, false, true),
        boot: fc.constantFrom(0, 0, 1, 2),
        offMinutes: fc.constantFrom(0, 3, -2880),
      }),
      { maxLength: 3 },
    ),
    corrected: fc.array(fc.integer({ min: 0, max: 3 * 24 * 60 }), { maxLength: 2 }),
    closed: fc.boolean(),
  })
  .map((drawn) => {
    const { taps, syncs, clocks, links, rights, carriers, shifts, corrected, closed } = drawn;
    const shiftRows = shifts.map(({ minute, bus, route, action, source }, index) =>
      shiftRow({
        device: `val-${bus}`,
        seq: 9000 + index,
        atMs: START + minute * MINUTE_MS,
        routeId: ROUTES[route] as string,
        action,
        source,
        // Every other one so late that a closed day does not know it.
        receivedAtMs: START + minute * MINUTE_MS + (index % 2 === 1 ? 8 * 24 * 60 * MINUTE_MS : 1000),
      }),
    );
    const tapRows = taps.map(({ minute, card, bus, route, again, boot, offMinutes }, index) =>
      tapRow({
        ...(boot === 0 ? {} : { clock: unsynced(minute, boot, offMinutes) }),
        ...(again && index > 0 ? { passBackOfSeq: 100 * index } : {}),
        routeId: ROUTES[route] as string,
        device: `val-${bus}`,
        seq: 100 * (index + 1),
        atMs: START + minute * MINUTE_MS,
        // A third of the validators has two token keys, another third only the new one.
        ...TOKENS[index % TOKENS.length]?.(card),
        vehicleId: `bus-${bus}`,
        // Some arrive a week later: after the close, and too late to be charged.
        receivedAtMs: START + minute * MINUTE_MS + (index % 4 === 3 ? 8 * 24 * 60 * MINUTE_MS : 1000),
      }),
    );
    const syncRows = syncs.map(({ minute, bus, boot, place }, index) =>
      clockSyncRow({
        device: `val-${bus}`,
        // Somewhere between the taps of the journal.
        seq: 100 * place + index + 50,
        atMs: START + minute * MINUTE_MS,
        clock: syncedAt(minute, boot),
        receivedAtMs: START + minute * MINUTE_MS + (index % 2 === 1 ? 8 * 24 * 60 * MINUTE_MS : 1000),
      }),
    );
    const breakdownRows = drawn.breakdowns.map(({ ofTap, afterMinutes, before, boot, offMinutes }, index) => {
      const place = ofTap % taps.length;
      const tap = taps[place] as (typeof taps)[number];
      const minute = tap.minute + afterMinutes;
      return breakdownRow({
        ...(boot === 0 ? {} : { clock: unsynced(minute, boot, offMinutes) }),
        device: `val-${tap.bus}`,
        seq: 100 * (place + (before ? 0 : 1)) + index + 70,
        atMs: START + minute * MINUTE_MS,
        vehicleId: `bus-${tap.bus}`,
        receivedAtMs: START + minute * MINUTE_MS + (index % 2 === 1 ? 8 * 24 * 60 * MINUTE_MS : 1000),
      });
    });
    const knownFromMs = START - 1000;
    const from = (minute: number) => ({
      validFromMs: START + minute * MINUTE_MS,
      validUntilMs: null,
      knownFromMs,
    });
    const facts: ((store: MemoryStore) => void)[] = [
      ...links.map(({ card, account, fromMinute }, index) => (store: MemoryStore) => {
        store.links.push({
          linkId: `l${index}`,
          tokenId: token(card),
          accountId: `p${account}`,
          ...from(fromMinute),
        });
      }),
      ...rights.map((minute, index) => (store: MemoryStore) => {
        store.entitlements.push({
          entitlementId: `e${index}`,
          accountId: 'p1',
          concessionId: 'pensioner',
          ...from(minute),
        });
      }),
      ...carriers.map((minute, index) => (store: MemoryStore) => {
        const place = {
          vehicleId: 'bus-1',
          carrierId: index === 0 ? 'private' : 'city',
          routeId: index === 0 ? 'T7' : null,
          tripId: null,
        };
        store.assignments.push({ assignmentId: `a${index}`, deviceId: 'val-1', ...place, ...from(minute) });
      }),
    ];
    // Both validators on one vehicle: a shift of the one holds for the other.
    for (const bus of corrected.length > 0 ? [1, 2] : []) {
      const place = { vehicleId: 'bus-1', carrierId: null, routeId: null, tripId: null };
      facts.push((store) => {
        store.assignments.push({ assignmentId: `v${bus}`, deviceId: `val-${bus}`, ...place, ...from(0) });
      });
    }
    corrected.forEach((minute, index) => {
      const said = {
        kind: 'correction' as const,
        vehicleId: 'bus-1',
        deviceId: null,
        tripId: null,
        directionId: null,
      };
      facts.push((store) => {
        store.routes.push({
          assignmentId: `r${index}`,
          ...said,
          routeId: ROUTES[index] as string,
          ...from(minute),
          validUntilMs: START + (minute + 600) * MINUTE_MS,
        });
        store.carriers.push({
          assignmentId: `c${index}`,
          vehicleId: 'bus-1',
          carrierId: 'private',
          ...from(minute),
        });
      });
    });
    facts.push(...clocks.map(clockFact));
    if (closed) {
      const close = { fareDay: '2025-10-14', knownFromMs: START + 5 * 24 * 60 * MINUTE_MS };
      facts.push((store) => void store.closes.push(close));
    }
    return { rows: [...tapRows, ...shiftRows, ...syncRows, ...breakdownRows], facts };
  });
