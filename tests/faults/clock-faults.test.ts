/**
 * Clocks that failed in the field, from the validator's screen to the ledger: the real agent writes its records with a
 * clock in the test's hands, the real fare engine prices them on PostgreSQL, by a tariff with a peak.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { createPricer } from '../../fare-engine/main.ts';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { cardNumber, type Rig, type RigOptions, startRig } from '../edge-agent/support/agent-rig.ts';
import {
  calendar,
  type EngineDatabase,
  openEngineDatabase,
  RULES,
} from '../fare-engine/support/engine-database.ts';
import { manualClock } from '../support/manual-clock.ts';
import { peakFiles } from '../support/peak-tariff.ts';
import { packageOf, timelineOf } from '../support/tariff.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
const PEAK = Date.parse('2026-03-02T07:00:00+02:00');
const pricer = createPricer(timelineOf(packageOf(peakFiles())), calendar);
/** The numbers of Ternopil. */
const rules = {
  ...RULES,
  clock: { ...RULES.clock, driftPpm: 50, unsyncedUncertaintyS: 300, settleBeyondS: 5 },
};

/** Each test has its own riders. */
let card = 0;
beforeEach(() => {
  card += 10;
});

/** A validator on route T1 whose wall clock is off by `offMs` at a true instant; nothing has told it the time. */
async function validator(trueMs: number, offMs: number, options: RigOptions = {}): Promise<Rig> {
  const rig = await startRig({ clock: manualClock(trueMs + offMs), passBackS: 120, ...options });
  rig.agent.setWhereabouts({ vehicleId: 'bus-12', routeId: 'T1' });
  return rig;
}

/** The city tells its time, at once. */
function tellTime(rig: Rig, cityMs: number): void {
  rig.connect();
  const nonce = rig.healths.at(-1)?.timeNonce;
  const times = { issuedAtMs: cityMs, expiresAtMs: cityMs + 1000, cityMs };
  const told = { v: 1, commandId: randomUUID(), deviceId: 'val-1', kind: 'tell-time', nonce, ...times };
  rig.command(sealEnvelope('command', told, rig.city.ingest));
}

/** All that the journal holds goes to the engine, as often as it is called; received at `receivedAtMs`. */
async function deliver(rig: Rig, receivedAtMs: number): Promise<void> {
  const { epoch } = rig.store.head() as { epoch: string };
  const rows = rig.store.newest(epoch, 1000).map(({ seq, kind, hash, bytes }) => ({
    deviceId: 'val-1',
    epoch,
    seq,
    kind,
    hash,
    record: Buffer.from(bytes).toString('utf8'),
    flags: [],
    receivedAtMs,
  }));
  await engine.deliver(rows);
  await engine.drain({ deps: { ...engine.deps(pricer), rules } });
  expect((await reconcile(engine.admin)).problems).toEqual([]);
}

interface Line {
  day: string;
  kind: string;
  rider: number;
  at: number;
  flags: string[];
}

/** Latest lines of a journal's taps, in its order. */
async function lines(rig: Rig): Promise<Line[]> {
  const { rows } = await engine.admin.query<Line>(
    `SELECT d.fare_day::text AS day, d.kind, d.rider_minor::int AS rider, t.fare_at_ms::float8 AS at, t.flags
     FROM fare.latest_decision d JOIN fare.timed_tap t USING (tap_id) WHERE t.epoch = $1 ORDER BY t.seq`,
    [rig.store.head()?.epoch],
  );
  return rows;
}

describe('Luas: validators 150 s fast', () => {
  test('nobody pays peak because of it: not while unsure, not once the city has told its time', async () => {
    const rig = await validator(PEAK - 90 * SECOND_MS, 150 * SECOND_MS);
    await rig.touch(cardNumber(card + 1));
    rig.clock.advance(89_999);
    await rig.touch(cardNumber(card + 2));
    rig.clock.advance(1);
    await rig.touch(cardNumber(card + 3));
    await deliver(rig, PEAK);
    expect((await lines(rig)).map(({ rider }) => rider)).toEqual([1200, 1200, 1200]);
    tellTime(rig, PEAK);
    await deliver(rig, PEAK + 1000);
    const after = await lines(rig);
    expect(after.map(({ at }) => at - PEAK)).toEqual([-90_000, -1, 0]);
    // To the millisecond of the exchange: who tapped in the peak itself pays it, who tapped before does not.
    expect(after.map(({ rider }) => rider)).toEqual([1200, 1200, 2000]);
    expect(after[0]?.flags).toContain('CLOCK_SETTLED');
  });

  test('at the end of the peak a slow validator charges nobody peak either', async () => {
    const rig = await validator(PEAK + 7200 * SECOND_MS, -150 * SECOND_MS);
    await rig.touch(cardNumber(card + 1));
    await deliver(rig, PEAK + 7201 * SECOND_MS);
    expect(await lines(rig)).toMatchObject([{ rider: 1200 }]);
    tellTime(rig, PEAK + 7200 * SECOND_MS);
    await deliver(rig, PEAK + 7202 * SECOND_MS);
    expect(await lines(rig)).toMatchObject([{ rider: 1200, at: PEAK + 7200 * SECOND_MS }]);
  });

  test('a validator that has met the city is not moved by its wall clock, nor by one that jumps between taps', async () => {
    const rig = await validator(PEAK - 60 * SECOND_MS, 150 * SECOND_MS);
    tellTime(rig, PEAK - 60 * SECOND_MS);
    for (const [n, jumpMs] of [150_000, 0, -PEAK, DAY_MS, -DAY_MS].entries()) {
      rig.clock.setWall(PEAK - 60 * SECOND_MS + jumpMs);
      await rig.touch(cardNumber(card + n));
    }
    await deliver(rig, PEAK);
    const found = await lines(rig);
    expect(found.map(({ rider, at }) => [rider, at])).toEqual(
      Array.from({ length: 5 }, () => [1200, PEAK - 60 * SECOND_MS]),
    );
    expect(found.flatMap(({ flags }) => flags)).toEqual([]);
  });
});

describe.each([
  ['1970', -PEAK],
  ['a day ahead', DAY_MS],
  ['a day behind', -DAY_MS],
])('a wall clock that shows %s', (_, offMs) => {
  test('keeps no green out, and its rides come to their own day once the city has told its time', async () => {
    const rig = await validator(PEAK - 3600 * SECOND_MS, offMs, { savedClock: synced(PEAK - 2 * DAY_MS) });
    expect((await rig.touch(cardNumber(card + 1))).sign).toBe('accepted');
    await deliver(rig, PEAK);
    const [unsure] = await lines(rig);
    expect(unsure?.flags).toContain('CLOCK_OTHER_BOOT');
    expect(unsure?.day).not.toBe('2026-03-02');
    rig.clock.advance(600_000);
    tellTime(rig, PEAK - 3000 * SECOND_MS);
    await deliver(rig, PEAK + 1000);
    expect(await lines(rig)).toMatchObject([
      { day: '2026-03-02', rider: 1200, kind: 'ride', at: PEAK - 3600 * SECOND_MS },
    ]);
  });
});

/** What a device remembers of a sync in an earlier boot. */
function synced(cityMs: number) {
  const sync = { serverMs: cityMs, monoMs: 5000, bootId: 'a'.repeat(32), rttMs: 10 };
  return { v: 1, machineBootId: null, resets: 0, monoMs: 5000, sync } as const;
}

describe('myki: a validator that loses its power between two touches', () => {
  test.each([
    ['keeps its time', (trueMs: number) => trueMs],
    ['wakes up in 1970', () => 0],
  ])('and %s: the same ride, one charge', async (_, wakesUpAt) => {
    const first = await validator(PEAK - 3600 * SECOND_MS, 0);
    tellTime(first, PEAK - 3600 * SECOND_MS);
    first.clock.advance(60_000);
    const rider = cardNumber(card + 1);
    await first.touch(rider);
    // Forty seconds without power; twenty after it has come back.
    const wallMs = wakesUpAt(first.clock.nowMs() + 40_000);
    const savedClock = first.savedClocks.at(-1) as NonNullable<RigOptions['savedClock']>;
    const again = await validator(wallMs, 0, { store: first.store, savedClock });
    again.clock.advance(20_000);
    expect(await again.touch(rider)).toMatchObject({ sign: 'accepted', repeated: true });
    await deliver(again, PEAK - 3400 * SECOND_MS);
    const charged = [
      { kind: 'ride', rider: 1200, day: '2026-03-02' },
      { kind: 'same-ride', rider: 0, day: '2026-03-02' },
    ];
    expect(await lines(again)).toMatchObject(charged);
    tellTime(again, PEAK - 3600 * SECOND_MS + 120_000);
    await deliver(again, PEAK - 3300 * SECOND_MS);
    expect(await lines(again)).toMatchObject(charged);
  });
});
