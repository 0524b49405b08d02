/** What must hold for any taps where leaving is tapped: pairs as another reading of the rules finds them, and prices in any order. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chargeDays } from '#pricing/charge-days.ts';
import { pairJourneys } from '#pricing/journeys.ts';
import { INITIAL_STATE, type PricedLine, type TapFact } from '#pricing/model.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import { stateText } from '#pricing/state-text.ts';
import { createPricer } from '../../../fare-engine/main.ts';
import { type ReferencePart, referenceParts } from '../../support/journey-reference.ts';
import { journeyTariff } from '../../support/journey-tariff.ts';
import { cases, LONG_RUN, PATIENCE, shuffled } from '../../support/properties.ts';
import { CALENDAR, entitlement, tap, timelineOf } from '../../support/tariff.ts';
import { tapIdOf, tapRow, token } from '../support/a-record.ts';
import { drain, outcome } from '../support/any-order-run.ts';
import { calendar } from '../support/engine-database.ts';
import { memoryStore } from '../support/memory-store.ts';

const tariffs = timelineOf(journeyTariff());
/** The evening before the night of spring: the taps reach over the day's end and the missing hour. */
const START = CALENDAR.startOfMs('2026-03-28') + 20 * 3_600_000;
const RULES = { maxJourneyMs: 7_200_000, cancelMs: 60_000, passBackMs: 20_000 };

/** Some seconds, minutes or hours later: both sides of every limit are met often. */
const step = fc.oneof(
  fc.constantFrom(0, 1, 19, 20, 21, 59, 60, 61, 3600, 7199, 7200, 7201),
  fc.integer({ min: 1, max: 5400 }),
);
const touch = fc.record({
  afterS: step,
  way: fc.constantFrom('in' as const, 'out' as const, null, null),
  stopId: fc.constantFrom('a1', 'a2', 'b1', 'c1'),
  vehicleId: fc.constantFrom(null, null, 'v1', 'v2'),
  deviceId: fc.constantFrom('g1', 'g2'),
  companions: fc.constantFrom(0, 0, 0, 1),
});
const touches = (routes: readonly string[]) =>
  fc
    .array(fc.tuple(touch, fc.constantFrom(...routes), fc.constantFrom('card', 'card', 'phone')), {
      minLength: 1,
      maxLength: LONG_RUN ? 10 : 7,
    })
    .map((list) => {
      let atMs = START;
      return list.map(([{ afterS, way, ...rest }, routeId, mediumId], i) => {
        atMs += afterS * 1000;
        const tapId = `t${String(i).padStart(3, '0')}`;
        return tap(atMs, { ...rest, tapId, direction: way, routeId, mediumId });
      });
    });

function partsOf(taps: readonly TapFact[]): Map<string, ReferencePart> {
  const { roles } = pairJourneys([], taps, tariffs, []);
  const parts = new Map<string, ReferencePart>();
  for (const { tapId } of taps) {
    const role = roles.get(tapId);
    if (role?.kind === 'entry') parts.set(tapId, role.end === null ? 'entry' : `entry ${role.end.ref}`);
    else if (role?.kind === 'exit') parts.set(tapId, `exit ${role.entryTapId}`);
    else if (role?.kind === 'lone-exit') parts.set(tapId, 'exit');
    else if (role?.kind === 'cancelled') parts.set(tapId, `cancelled ${role.other.tapId}`);
    else if (role?.kind === 'again') parts.set(tapId, `again ${role.of.tapId}`);
  }
  return parts;
}

const pricer = {
  price: (...[state, day]: [Parameters<typeof priceAccountDay>[0], Parameters<typeof priceAccountDay>[1]]) =>
    priceAccountDay(state, day, tariffs, CALENDAR),
  stateText,
};

/** Day by day, as the full computation does. */
function priceAll(taps: readonly TapFact[], rights: readonly string[] = []): PricedLine[] {
  const byDay = Map.groupBy(taps, (one) => CALENDAR.fareDayOf(one.fareAtMs));
  const days = [...byDay.keys()].sort().map((fareDay) => ({
    accountId: 'account',
    fareDay,
    taps: byDay.get(fareDay) as TapFact[],
    entitlements: rights.map((id) => entitlement(id)),
    passes: [],
    knownAsOfMs: null,
  }));
  const charged = chargeDays({ state: INITIAL_STATE, base: null }, days, pricer, () => true);
  return [...charged].flatMap(({ lines }) => lines.map(({ line }) => line));
}

const SOME = ['M1', 'M1', 'M1', 'R1', 'T1'];
const RUNS = cases();

describe('any taps where leaving is tapped', () => {
  it('are paired as the reading of the rules in tests/support pairs them', () => {
    fc.assert(
      fc.property(touches(['M1']), (taps) => {
        const one = taps.map((fact) => ({ ...fact, mediumId: 'card' }));
        const plain = one.map(({ tapId, fareAtMs: atMs, direction: way, vehicleId, deviceId, stopId }) => ({
          ...{ tapId, atMs, way, vehicleId, deviceId: deviceId as string, stopId: stopId as string },
        }));
        expect(partsOf(one)).toEqual(referenceParts(plain, RULES));
      }),
      RUNS,
    );
  });

  it('in any order and twice have the same lines, whose amounts add up [group 1] [group 2]', () => {
    const rights = fc.subarray(['pensioner', 'pupil-private', 'donor']);
    fc.assert(
      fc.property(touches(SOME), rights, fc.infiniteStream(fc.nat()), (taps, held, random) => {
        const mixed = shuffled([...taps, ...taps.slice(0, 3)], random);
        const lines = priceAll(taps, held);
        expect(priceAll(mixed, held)).toEqual(lines);
        for (const line of lines) {
          const { riderMinor, transferMinor, concessionMinor, passMinor, capMinor } = line;
          expect(riderMinor + transferMinor + concessionMinor + passMinor + capMinor).toBe(line.grossMinor);
          expect(line.steps.at(-1)?.afterMinor).toBe(riderMinor);
        }
      }),
      RUNS,
    );
  });

  it('cost no more with a right than without, and penalties apart no more than the cap [group 4] [group 6]', () => {
    fc.assert(
      fc.property(touches(['M1']), (taps) => {
        const alone = taps.map((fact) => ({ ...fact, companions: 0 }));
        const lines = priceAll(alone);
        const free = priceAll(alone, ['pensioner']);
        free.forEach((line, i) => {
          expect(line.riderMinor).toBeLessThanOrEqual((lines[i] as PricedLine).riderMinor);
        });
        const isPenalty = ({ steps }: PricedLine) =>
          steps.some(({ params }) => ['no-exit', 'no-entry'].includes(params['state'] ?? ''));
        const days = Map.groupBy(
          lines.filter((line) => !isPenalty(line)),
          ({ fareDay }) => fareDay,
        );
        for (const list of days.values())
          expect(list.reduce((sum, { riderMinor }) => sum + riderMinor, 0n)).toBeLessThanOrEqual(5000n);
      }),
      RUNS,
    );
  });
});

/** The same core as the worker's, over the store in memory. */
const engine = createPricer(tariffs, calendar);
const rows = touches(SOME).map((taps) =>
  taps.map(({ fareAtMs: atMs, direction: way, routeId, stopId, vehicleId, deviceId, mediumId }, i) => {
    const where = { routeId: routeId as string, stopId: stopId as string };
    return tapRow({
      ...where,
      device: `val-${deviceId === 'g1' ? 1 : 2}`,
      seq: 100 + i,
      atMs,
      way,
      vehicleId: vehicleId ?? 'tram-7',
      token: token(mediumId === 'card' ? 1 : 2),
      // Some come when the first day is closed, some too late to be charged.
      receivedAtMs: atMs + ([1, 4, 9][i % 3] as number) * 86_400_000,
    });
  }),
);

/** What passengers tell, some before the first day's close and some after it. */
const told = fc
  .array(
    fc.record({
      of: fc.nat(13),
      atMs: fc.integer({ min: 1, max: 7_200_000 }),
      stopId: fc.constantFrom('a1', 'b1', 'c1'),
      knownFromMs: fc.constantFrom(START + 86_400_000, START + 5 * 86_400_000),
    }),
    { maxLength: 3 },
  )
  .map((list) => list.map((one, i) => ({ ...one, repairId: `repair-${i}` })));

describe('the engine', () => {
  it(
    'comes to the same lines and states in any order, closed days and open ones [group 2]',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          rows,
          told,
          fc.boolean(),
          fc.infiniteStream(fc.nat()),
          async (given, repairs, closed, chance) => {
            const draw = (below: number): number => (chance.next().value as number) % below;
            const close = { fareDay: '2026-03-28', knownFromMs: START + 3 * 86_400_000 };
            const ready = () => {
              const store = memoryStore();
              if (closed) store.closes.push(close);
              return store;
            };
            const tell = (
              store: ReturnType<typeof memoryStore>,
              { of, ...repair }: (typeof repairs)[number],
            ) => {
              const row = given[of % given.length] as (typeof given)[number];
              const { wallMs } = (JSON.parse(row.record) as { at: { wallMs: number } }).at;
              const tapId = tapIdOf(row.deviceId, row.seq);
              store.repairs.push({ ...repair, tapId, atMs: wallMs + repair.atMs });
              store.touchAll();
            };
            const expected = ready();
            for (const repair of repairs) tell(expected, repair);
            expected.deliver(given);
            await drain(expected, 1000, engine);
            const store = ready();
            const mixed = [...given].reverse();
            const waiting = [...repairs];
            for (let i = mixed.length - 1; i > 0; i--) {
              const j = draw(3) === 0 ? draw(i + 1) : i;
              [mixed[i], mixed[j]] = [mixed[j] as (typeof given)[0], mixed[i] as (typeof given)[0]];
            }
            for (const row of mixed) {
              store.deliver([row]);
              if (draw(2) === 0) await drain(store, 1 + draw(4), engine);
              if (draw(4) === 0 && waiting.length > 0) tell(store, waiting.pop() as (typeof repairs)[number]);
            }
            for (const repair of waiting) tell(store, repair);
            await drain(store, 3, engine);
            const [found, wanted] = [outcome(store), outcome(expected)];
            if (!isDeepStrictEqual(found, wanted)) expect(found).toEqual(wanted);
          },
        ),
        cases(),
      );
    },
    PATIENCE.timeout,
  );
});
