/** The stop of a tap from positions: both sides of a street, hysteresis, outages, the timetable, the driver's word. */
import { describe, expect, it } from 'vitest';
import { createStopFinder, type PositionFix, type StopFinder } from '../../../edge-agent/stops/find-stop.ts';
import { distanceM, parseStopPlan, type StopPlan } from '../../../edge-agent/stops/stop-plan.ts';

const METRES_PER_DEGREE = 111_195;
const LAT = 49.55;
/** A point east and north of the beginning of a straight street that runs to the east. */
const at = (eastM: number, northM = 0): [number, number] => [
  LAT + northM / METRES_PER_DEGREE,
  25.6 + eastM / (METRES_PER_DEGREE * Math.cos((LAT * Math.PI) / 180)),
];

/** Three stops 400 m apart; those of the way back lie 20 m across the street. */
const PLAN: StopPlan = {
  v: 1,
  zone: 'Europe/Kyiv',
  rules: {
    reachM: 40,
    hysteresisM: 15,
    freshS: 10,
    halfLifeS: 60,
    timetablePct: 50,
    driverPct: 90,
    dropPct: 10,
  },
  stops: {
    'a-east': at(0),
    'b-east': at(400),
    'c-east': at(800),
    'c-west': at(800, 20),
    'b-west': at(400, 20),
    'a-west': at(0, 20),
  },
  patterns: [
    { routeId: 'r', directionId: 0, stopIds: ['a-east', 'b-east', 'c-east'], offsetsS: [0, 60, 120] },
    { routeId: 'r', directionId: 1, stopIds: ['c-west', 'b-west', 'a-west'], offsetsS: [0, 60, 120] },
  ],
  trips: { east: [0, 8 * 3600], west: [1, 9 * 3600] },
};
/** 08:00 in Kyiv. */
const EIGHT = Date.UTC(2025, 9, 14, 5);
const moment = (s: number, nowMs = EIGHT + s * 1000) => ({ nowMs, monoMs: s * 1000 });
const fix = (eastM: number, northM = 0, more: Partial<PositionFix> = {}): PositionFix => {
  const [lat, lon] = at(eastM, northM);
  return { lat, lon, accuracyM: 5, ...more };
};
const finder = (where = {}): StopFinder => {
  const made = createStopFinder(PLAN);
  made.follow({ routeId: 'r', directionId: 0, ...where });
  return made;
};
/** A fix each second along the street. */
const drive = (
  one: StopFinder,
  fromM: number,
  toM: number,
  fromS: number,
  more: Partial<PositionFix> = {},
  northM = 0,
) => {
  const steps = Math.abs(toM - fromM) / 10;
  for (let i = 0; i <= steps; i++) {
    one.observe(fix(fromM + ((toM - fromM) * i) / steps, northM, more), (fromS + i) * 1000);
  }
  return fromS + steps;
};

describe('driving along a line', () => {
  it('a stop is reached near it, and held until the next one is reached', () => {
    const one = finder();
    one.observe(fix(0), 0);
    expect(one.at(moment(0))).toMatchObject({ stopId: 'a-east', stopSource: 'gnss' });
    expect(one.at(moment(0))?.stopConfidencePct).toBeGreaterThanOrEqual(90);
    const s = drive(one, 0, 350, 1);
    expect(one.at(moment(s))).toMatchObject({ stopId: 'a-east' });
    expect(one.nextStopId(moment(s))).toBe('b-east');
    const t = drive(one, 350, 370, s);
    expect(one.at(moment(t))).toMatchObject({ stopId: 'b-east' });
    expect(one.nextStopId(moment(t))).toBe('c-east');
    const u = drive(one, 370, 800, t);
    expect(one.at(moment(u))).toMatchObject({ stopId: 'c-east' });
    expect(one.nextStopId(moment(u))).toBeNull();
  });

  it('at two stops near each other the other takes over only when it is nearer by the margin', () => {
    const plan = { ...PLAN, stops: { ...PLAN.stops, 'b-east': at(60) } };
    const one = createStopFinder(plan);
    one.follow({ routeId: 'r', directionId: 0 });
    one.observe(fix(10), 0);
    // 37.5 m is the point where B is nearer by exactly 15 m.
    one.observe(fix(37), 1000);
    expect(one.at(moment(1))?.stopId).toBe('a-east');
    one.observe(fix(38), 2000);
    expect(one.at(moment(2))?.stopId).toBe('b-east');
    one.observe(fix(30), 3000);
    expect(one.at(moment(3))?.stopId).toBe('b-east');
  });

  it('a stop that is driven past at some distance is reached when it lies behind, less surely', () => {
    const one = finder();
    one.observe(fix(0), 0);
    const s = drive(one, 0, 600, 1, {}, 60);
    expect(one.at(moment(s))?.stopId).toBe('b-east');
    expect(one.at(moment(s))?.stopConfidencePct).toBeLessThan(60);
  });

  it('poor positions make less sure than good ones', () => {
    const [good, poor] = [finder(), finder()];
    good.observe(fix(20), 0);
    poor.observe(fix(20, 0, { accuracyM: 300 }), 0);
    const sure = (one: StopFinder) => one.at(moment(0))?.stopConfidencePct as number;
    expect(sure(good)).toBeGreaterThan(sure(poor));
    expect(sure(poor)).toBeLessThan(60);
  });

  it('what is no position changes nothing', () => {
    const one = finder();
    one.observe(fix(0), 0);
    for (const broken of [{ lat: Number.NaN }, { accuracyM: -1 }, { lon: Number.POSITIVE_INFINITY }])
      one.observe({ ...fix(800), ...broken }, 1000);
    expect(one.at(moment(1))?.stopId).toBe('a-east');
  });
});

describe('stops on both sides of a street', () => {
  it('are told apart by the direction that is driven, also where the position lies nearer to the other', () => {
    const west = finder({ directionId: 1 });
    west.observe(fix(400, 0), 0);
    expect(west.at(moment(0))?.stopId).toBe('b-west');
    const east = finder();
    east.observe(fix(400, 20), 0);
    expect(east.at(moment(0))?.stopId).toBe('b-east');
  });

  it('are told apart by the heading where nobody said the direction; standing still nobody is sure', () => {
    const east = finder({ directionId: undefined });
    east.observe(fix(400, 10, { bearingDeg: 90, speedMps: 6 }), 0);
    expect(east.at(moment(0))?.stopId).toBe('b-east');
    expect(east.at(moment(0))?.stopConfidencePct).toBeGreaterThan(85);
    const west = finder({ directionId: undefined });
    west.observe(fix(400, 10, { bearingDeg: 270, speedMps: 6 }), 0);
    expect(west.at(moment(0))?.stopId).toBe('b-west');
    const unsure = finder({ directionId: undefined });
    unsure.observe(fix(400, 10, { bearingDeg: 270, speedMps: 0.5 }), 0);
    expect(unsure.at(moment(0))?.stopConfidencePct ?? 0).toBeLessThan(60);
  });
});

describe('without positions', () => {
  it('the last stop stays, less sure with time, then the timetable answers, then nobody', () => {
    const one = finder({ tripId: 'east' });
    one.observe(fix(0), 0);
    const sure = one.at(moment(10))?.stopConfidencePct as number;
    expect(one.at(moment(0))?.stopConfidencePct).toBe(sure);
    expect(one.at(moment(30))).toMatchObject({ stopId: 'a-east', stopSource: 'gnss' });
    expect(one.at(moment(30))?.stopConfidencePct).toBeLessThan(sure);
    // 08:01:59 and 08:02:00: the third stop is due at two minutes past.
    expect(one.at(moment(119))).toEqual({ stopId: 'b-east', stopConfidencePct: 50, stopSource: 'timetable' });
    expect(one.at(moment(120))).toMatchObject({ stopId: 'c-east', stopSource: 'timetable' });
    expect(one.at(moment(3 * 3600))).toBeNull();
  });

  it('and without a trip the last stop is believed down to the least confidence', () => {
    const one = finder();
    one.observe(fix(0), 0);
    const kept = [60, 120, 180].map((s) => one.at(moment(s))?.stopConfidencePct ?? 0);
    expect(kept).toEqual([...kept].sort((a, b) => b - a));
    expect(kept.at(-1)).toBeGreaterThanOrEqual(10);
    expect(one.at(moment(600))).toBeNull();
  });

  it('a position after a tunnel puts it right at once', () => {
    const one = finder();
    one.observe(fix(0), 0);
    one.observe(fix(800), 300_000);
    expect(one.at(moment(300))).toMatchObject({ stopId: 'c-east', stopSource: 'gnss' });
  });

  it('a device that never had one goes by the timetable; without trip and line there is no stop', () => {
    expect(finder({ tripId: 'west' }).at(moment(3600))).toMatchObject({
      stopId: 'c-west',
      stopSource: 'timetable',
    });
    expect(finder().at(moment(0))).toBeNull();
    const lost = finder({ routeId: 'unknown' });
    lost.observe(fix(0), 0);
    expect(lost.at(moment(0))).toBeNull();
  });

  it('a trip after midnight belongs to the evening before', () => {
    const night = { ...PLAN, trips: { late: [0, 23 * 3600 + 3540] as [number, number] } };
    const one = createStopFinder(night);
    one.follow({ routeId: 'r', directionId: 0, tripId: 'late' });
    const after = Date.UTC(2025, 9, 14, 21, 0, 30); // 00:00:30 in Kyiv, half a minute after the second stop
    expect(one.at({ nowMs: after, monoMs: 0 })).toMatchObject({ stopId: 'b-east' });
  });
});

describe('the driver', () => {
  it('is believed until the vehicle reaches another stop', () => {
    const one = finder();
    one.say('b-east', 0);
    expect(one.at(moment(0))).toEqual({ stopId: 'b-east', stopConfidencePct: 90, stopSource: 'driver' });
    const s = drive(one, 400, 700, 1);
    expect(one.at(moment(s))?.stopId).toBe('b-east');
    const t = drive(one, 700, 800, s);
    expect(one.at(moment(t))).toMatchObject({ stopId: 'c-east', stopSource: 'gnss' });
  });
});

it('another line forgets the place on the one before', () => {
  const one = finder();
  one.observe(fix(0), 0);
  one.follow({ routeId: 'r', directionId: 1 });
  expect(one.at(moment(0))).toBeNull();
});

it('a plan whose ids lead nowhere is refused with the place of the fault', () => {
  const text = (change: object) => Buffer.from(JSON.stringify({ ...PLAN, ...change }));
  expect(parseStopPlan(text({}))).toMatchObject({ ok: true });
  const [pattern] = PLAN.patterns;
  for (const [change, path] of [
    [{ patterns: [{ ...pattern, stopIds: ['a-east', 'b-east', 'nowhere'] }, pattern] }, '/patterns/0'],
    [{ patterns: [pattern, { ...pattern, offsetsS: [0] }] }, '/patterns/1'],
    [{ trips: { x: [2, 0] } }, '/trips/x'],
  ] as const) {
    expect(parseStopPlan(text(change))).toMatchObject({ ok: false, problems: [{ path }] });
  }
});

it('metres are metres', () => {
  const [a, b] = [at(0), at(300, 400)].map(([lat, lon]) => ({ lat, lon }));
  expect(distanceM(a as { lat: number; lon: number }, b as { lat: number; lon: number })).toBeCloseTo(500, 0);
});
