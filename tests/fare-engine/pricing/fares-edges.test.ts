/** Both sides of every edge: limits of transfers by the second, timeframes and dates on the wall, tariffs that change on the way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ask, pricerOf, ride, totals } from '../../support/fare-feed.ts';
import { cases, PROPERTY_RUNS } from '../../support/properties.ts';
import { PACKAGE, packageOf, priceDay, tap, timelineOf } from '../../support/tariff.ts';

const RUNS = cases();

const ZONES = ['Europe/Kyiv', 'America/New_York', 'Asia/Kathmandu', 'Pacific/Auckland', 'America/St_Johns'];
const iso = (ms: number) => new Date(ms).toISOString();

/** Instants around nights in which clocks change somewhere, and any others of a year. */
const instants = fc
  .tuple(
    fc.constantFrom('2026-03-08', '2026-03-29', '2026-04-05', '2026-09-27', '2026-10-25', '2026-11-01'),
    fc.integer({ min: -86_400, max: 86_400 }),
  )
  .map(([day, seconds]) => Date.parse(day) + seconds * 1000);

describe('a transfer', () => {
  const pricers = new Map<string, ReturnType<typeof pricerOf>>();
  const pricerFor = (type: number, limitS: number) => {
    const key = `${type} ${limitS}`;
    const made =
      pricers.get(key) ??
      pricerOf({
        'fare_products.txt': 'fare_product_id,amount,currency\nbus,2.00,UAH\ntram,4.00,UAH\n',
        'fare_leg_rules.txt': 'leg_group_id,network_id,fare_product_id\nbus,bus,bus\ntram,tram,tram\n',
        'fare_transfer_rules.txt': `from_leg_group_id,to_leg_group_id,duration_limit,duration_limit_type,fare_transfer_type\nbus,tram,${limitS},${type},0\n`,
      });
    pricers.set(key, made);
    return made;
  };

  it('holds to the last second of its limit, whatever clocks do, and in one direction [group 9]', () => {
    fc.assert(
      fc.property(
        instants,
        fc.constantFrom(0, 1, 2, 3),
        fc.constantFrom(600, 1800, 5400, 86_400),
        fc.integer({ min: 0, max: 600 }),
        fc.integer({ min: 0, max: 600 }),
        fc.constantFrom(-1, 0, 1),
        (startMs, type, limitS, firstS, secondS, beyondS) => {
          // What lies between the two legs, so that the measured duration is the limit and a second more or less.
          const measured = { 0: firstS + secondS, 1: firstS, 2: 0, 3: secondS }[type] as number;
          const waitS = limitS + beyondS - measured;
          fc.pre(waitS >= 0);
          const leg = (route: string, fromS: number, toS: number) =>
            ride(route, 'a', 'b', iso(startMs + fromS * 1000), iso(startMs + toS * 1000));
          const onward = firstS + waitS;
          const there = [leg('bus1', 0, firstS), leg('tram1', onward, onward + secondS)];
          const back = [leg('tram1', 0, firstS), leg('bus1', onward, onward + secondS)];
          const pricer = pricerFor(type, limitS);
          expect(totals(pricer, there)).toEqual({ '': beyondS <= 0 ? '200' : '600' });
          expect(totals(pricer, back)).toEqual({ '': '600' });
        },
      ),
      RUNS,
    );
  });
});

describe('a timeframe', () => {
  /** By the runtime's calendar: date and time on the wall as texts that sort. */
  const onTheWall = (zone: string, ms: number) =>
    new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
      .format(ms)
      .split(' ') as [string, string];
  const pricers = ZONES.map((zone) =>
    pricerOf({
      'agency.txt': `agency_name,agency_timezone\nA,${zone}\n`,
      'calendar.txt':
        'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nsundays,0,0,0,0,0,0,1,20260101,20261231\n',
      'timeframes.txt':
        'timeframe_group_id,start_time,end_time,service_id\nnight,02:30:00,24:00:00,sundays\n',
      'fare_products.txt': 'fare_product_id,amount,currency\nnight,1.00,UAH\nday,2.00,UAH\n',
      'fare_leg_rules.txt': 'from_timeframe_group_id,fare_product_id,rule_priority\nnight,night,1\n,day,0\n',
    }),
  );

  it('begins and ends by the wall clock and the date of its place, on days of 23 and 25 hours too', () => {
    let inside = 0;
    fc.assert(
      fc.property(fc.nat(ZONES.length - 1), instants, fc.boolean(), (z, anyMs, edge) => {
        const zone = ZONES[z] as string;
        // Half of the instants lie at a full hour, half hour or midnight, or the second before.
        const ms = edge ? Math.round(anyMs / 900_000) * 900_000 - (anyMs % 2000 === 0 ? 0 : 1000) : anyMs;
        const [date, time] = onTheWall(zone, ms);
        const sunday = new Date(`${date}T00:00:00Z`).getUTCDay() === 0;
        const within = sunday && time >= '02:30:00';
        if (within) inside++;
        const legs = [ride('bus1', 'a', 'b', iso(ms), iso(ms + 60_000))];
        const pricer = pricers[z] as ReturnType<typeof pricerOf>;
        expect(totals(pricer, legs)).toEqual({ '': within ? '100' : '200' });
      }),
      RUNS,
    );
    expect(inside).toBeGreaterThan(PROPERTY_RUNS / 10);
  });

  it('a time told without an offset means what the wall showed, the first time where it came twice', () => {
    fc.assert(
      fc.property(fc.nat(ZONES.length - 1), instants, (z, ms) => {
        const zone = ZONES[z] as string;
        const [date, time] = onTheWall(zone, ms);
        const pricer = pricers[z] as ReturnType<typeof pricerOf>;
        const told = ask(pricer, [ride('bus1', 'a', 'b', `${date}T${time}`, `${date}T${time}`)]);
        expect({ ...told.totals }).toEqual(totals(pricer, [ride('bus1', 'a', 'b', iso(ms), iso(ms))]));
      }),
      RUNS,
    );
  });
});

describe('a tariff that changes on the way', () => {
  const CHANGE_MS = Date.parse('2026-03-28T22:00:00Z');
  const change = (from: string, to: string) => (PACKAGE['tariff.yaml'] as string).replace(from, to);
  const before = packageOf({ 'tariff.yaml': change('valid_to: null', 'valid_to: 2026-03-29') });
  const after = packageOf({
    'tariff.yaml': change('valid_from: 2026-01-01', 'valid_from: 2026-03-29').replace('test-1', 'test-2'),
    'fare_products.txt': (PACKAGE['fare_products.txt'] as string).replaceAll('12.00', '20.00'),
  });
  const tariffs = timelineOf(before, after);

  it('prices a journey by its first tap, and a new one by its own [group 10]', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: -2400, max: 2400 }), fc.constantFrom(-1800, -1, 0, 1)),
        fc.oneof(fc.integer({ min: 1, max: 2400 }), fc.constantFrom(1799, 1800, 1801)),
        (firstS, laterS) => {
          const firstMs = CHANGE_MS + firstS * 1000;
          const secondMs = firstMs + laterS * 1000;
          const { lines } = priceDay(tariffs, [
            tap(firstMs, { tapId: 'a', routeId: 'T1' }),
            tap(secondMs, { tapId: 'b', routeId: 'T2' }),
          ]);
          const inForce = (ms: number) => (ms < CHANGE_MS ? before : after).hash;
          const price = (hash: string | null) => (hash === before.hash ? 1200n : 2000n);
          const [a, b] = lines;
          expect([a?.kind, a?.packageHash, a?.riderMinor]).toEqual([
            'ride',
            inForce(firstMs),
            price(inForce(firstMs)),
          ]);
          const transfer = laterS <= 1800;
          expect([b?.kind, b?.packageHash, b?.riderMinor]).toEqual(
            transfer
              ? ['transfer', inForce(firstMs), 0n]
              : ['ride', inForce(secondMs), price(inForce(secondMs))],
          );
        },
      ),
      RUNS,
    );
  });
});
