import { describe, expect, it } from 'vitest';
import type { CardReading, JournalStore, ServiceCard } from '../../../edge-agent/ports.ts';
import type { StopPlan } from '../../../edge-agent/stops/stop-plan.ts';
import { CARD, startRig } from '../support/agent-rig.ts';
import { createMemoryJournalStore } from '../support/memory-journal-store.ts';

const DRIVER: ServiceCard = {
  role: 'driver',
  staffTokenId: `k1.${'d'.repeat(32)}`,
  validFromMs: Date.UTC(2020, 0, 1),
  validUntilMs: Date.UTC(2040, 0, 1),
  language: 'pl',
};
const card = (change: Partial<ServiceCard> = {}): CardReading => ({
  ok: true,
  service: { ...DRIVER, ...change },
});
const pattern = (routeId: string, directionId: 0 | 1, stopIds: string[]) => ({
  routeId,
  directionId,
  stopIds,
  offsetsS: stopIds.map((_, index) => index * 60),
});
const PLAN: StopPlan = {
  v: 1,
  zone: 'Europe/Kyiv',
  rules: {
    reachM: 50,
    hysteresisM: 10,
    freshS: 30,
    halfLifeS: 60,
    timetablePct: 60,
    driverPct: 90,
    dropPct: 20,
  },
  stops: { a: [49.55, 25.59], b: [49.56, 25.6] },
  names: { b: { own: 'Б', en: 'B' } },
  patterns: [pattern('T10', 0, ['a', 'b']), pattern('T2', 1, ['b', 'a']), pattern('T2', 1, ['b', 'a', 'b'])],
  trips: {},
};

describe("a driver's card", () => {
  it('opens a menu in its own language with the lines of the plan, in their order', async () => {
    const rig = await startRig({ stopPlan: PLAN });
    expect(await rig.touch(card())).toMatchObject({
      sign: 'staff',
      language: 'pl',
      menu: {
        shift: null,
        brokenDown: false,
        lines: [
          { routeId: 'T2', directionId: 1, towards: 'a' },
          { routeId: 'T10', directionId: 0, towards: 'b', towardsNames: { own: 'Б', en: 'B' } },
        ],
      },
    });
    expect(rig.records().filter(({ kind }) => kind === 'tap')).toEqual([]);
  });

  it('opens a shift on a line, which stands above the plan until it is closed', async () => {
    const rig = await startRig({ stopPlan: PLAN });
    rig.agent.setWhereabouts({ routeId: 'plan' });
    await rig.touch(card());
    const view = await rig.press({ press: 'open-shift', routeId: 'T2', directionId: 1 });
    expect(view.menu?.shift).toEqual({ routeId: 'T2', directionId: 1 });
    expect(rig.records().at(-1)).toMatchObject({
      kind: 'shift',
      body: { action: 'open', source: 'driver', staffId: DRIVER.staffTokenId, where: { routeId: 'T2' } },
    });
    rig.agent.openShift({ routeId: 'plan-2' });
    await rig.touch(CARD);
    expect(rig.records().at(-1)?.body).toMatchObject({ where: { routeId: 'T2', directionId: 1 } });
    await rig.touch(card());
    await rig.press({ press: 'close-shift' });
    await rig.touch(CARD);
    expect(rig.records().at(-1)?.body).toMatchObject({ where: { routeId: 'plan-2' } });
  });

  it('changes the line by closing one shift and opening another', async () => {
    const rig = await startRig({ stopPlan: PLAN });
    await rig.touch(card());
    await rig.press({ press: 'open-shift', routeId: 'T2', directionId: 1 });
    await rig.press({ press: 'open-shift', routeId: 'T10', directionId: 0 });
    const shifts = rig.records().filter(({ kind }) => kind === 'shift');
    expect(shifts.map(({ body }) => body)).toMatchObject([
      { action: 'open', where: { routeId: 'T2' } },
      { action: 'close', where: { routeId: 'T2' } },
      { action: 'open', where: { routeId: 'T10' } },
    ]);
  });

  it('takes no line that the plan does not have', async () => {
    const rig = await startRig({ stopPlan: PLAN });
    await rig.touch(card());
    const view = await rig.press({ press: 'open-shift', routeId: 'T99', directionId: 0 });
    expect(view.menu?.shift).toBeNull();
    expect(rig.records()).toHaveLength(1);
  });

  it('declares a breakdown, once', async () => {
    const rig = await startRig({ stopPlan: PLAN });
    await rig.touch(card());
    await rig.press({ press: 'open-shift', routeId: 'T2', directionId: 1 });
    expect((await rig.press({ press: 'breakdown' })).menu?.brokenDown).toBe(true);
    await rig.press({ press: 'breakdown' });
    expect(rig.records().filter(({ kind }) => kind === 'breakdown')).toMatchObject([
      { body: { where: { vehicleId: 'bus-12', routeId: 'T2' }, staffId: DRIVER.staffTokenId } },
    ]);
  });

  it('declares another breakdown in another shift of the plan', async () => {
    const rig = await startRig({ stopPlan: PLAN });
    await rig.touch(card());
    await rig.press({ press: 'breakdown' });
    rig.agent.closeShift();
    rig.agent.openShift({ vehicleId: 'bus-12', routeId: 'T10' });
    await rig.touch(card());
    await rig.press({ press: 'breakdown' });
    expect(rig.records().filter(({ kind }) => kind === 'breakdown')).toHaveLength(2);
  });

  it('leaves the panel to the passengers by a key, by the next card, and by itself', async () => {
    const rig = await startRig({ stopPlan: PLAN, limits: { staffMs: 60_000 } });
    await rig.touch(card());
    await rig.touch(CARD);
    await rig.press({ press: 'open-shift', routeId: 'T2', directionId: 1 });
    await rig.touch(card());
    rig.timers.advance(60_000);
    expect(rig.agent.view().sign).toBe('waiting');
    await rig.press({ press: 'breakdown' });
    await rig.touch(card());
    await rig.press({ press: 'leave' });
    await rig.press({ press: 'breakdown' });
    expect(rig.records().filter(({ kind }) => kind === 'shift' || kind === 'breakdown')).toEqual([]);
  });

  it.each<[string, Partial<ServiceCard>, string]>([
    ['before its time', { validFromMs: Date.UTC(2035, 0, 1) }, 'CARD_NOT_YET_VALID'],
    ['after its time', { validUntilMs: Date.UTC(2021, 0, 1) }, 'CARD_EXPIRED'],
  ])('%s opens nothing', async (_what, change, reason) => {
    const rig = await startRig({ stopPlan: PLAN });
    expect(await rig.touch(card(change))).toMatchObject({ sign: 'refused', reason });
    await rig.press({ press: 'breakdown' });
    expect(rig.records().at(-1)).toMatchObject({ kind: 'refused', body: { reason } });
  });

  it('of an inspector or a technician opens no menu', async () => {
    const rig = await startRig({ stopPlan: PLAN });
    const view = await rig.touch(card({ role: 'inspector' }));
    expect(view).toMatchObject({ sign: 'staff' });
    expect(view.menu).toBeUndefined();
    await rig.press({ press: 'breakdown' });
    expect(rig.records()).toHaveLength(1);
  });
});

it("a driver's shift outlives a restart", async () => {
  const store = createMemoryJournalStore();
  const before = await startRig({ store, stopPlan: PLAN });
  await before.touch(card());
  await before.press({ press: 'open-shift', routeId: 'T2', directionId: 1 });
  await before.press({ press: 'breakdown' });
  const rig = await startRig({ store, stopPlan: PLAN, clock: before.clock });
  rig.agent.setWhereabouts({ routeId: 'plan' });
  await rig.touch(CARD);
  expect(rig.records().at(-1)?.body).toMatchObject({ where: { routeId: 'T2' } });
  expect((await rig.touch(card())).menu).toMatchObject({ shift: { routeId: 'T2' }, brokenDown: true });
});

it("a driver's shift outlives a restart however many records lie after it, and its end does too", async () => {
  const store = createMemoryJournalStore();
  const limits = { rebuildRecordsMax: 8 };
  const before = await startRig({ store, stopPlan: PLAN, limits, passBackS: 0 });
  await before.touch(card());
  await before.press({ press: 'open-shift', routeId: 'T2', directionId: 1 });
  for (let n = 0; n < 10; n++) await before.touch(CARD);
  const rig = await startRig({ store, stopPlan: PLAN, clock: before.clock, limits });
  rig.agent.setWhereabouts({ routeId: 'plan' });
  expect((await rig.touch(card())).menu).toMatchObject({ shift: { routeId: 'T2' } });
  await rig.press({ press: 'close-shift' });
  const after = await startRig({ store, stopPlan: PLAN, clock: before.clock, limits });
  expect((await after.touch(card())).menu).toMatchObject({ shift: null });
});

it("a driver's shift outlives the update of software that kept no note of it", async () => {
  const store = createMemoryJournalStore();
  const withoutNotes: JournalStore = {
    ...store,
    append: (record) => store.append(record),
    setNote: (key, text) => key === 'driver-shift' || store.setNote(key, text),
  };
  const before = await startRig({ store: withoutNotes, stopPlan: PLAN });
  await before.touch(card());
  await before.press({ press: 'open-shift', routeId: 'T2', directionId: 1 });
  await before.press({ press: 'breakdown' });
  await before.touch(CARD);
  const limits = { rebuildRecordsMax: 8 };
  const updated = await startRig({ store, stopPlan: PLAN, clock: before.clock, limits, passBackS: 0 });
  updated.agent.setWhereabouts({ routeId: 'plan' });
  expect((await updated.touch(card())).menu).toMatchObject({ shift: { routeId: 'T2' }, brokenDown: true });
  for (let n = 0; n < 10; n++) await updated.touch(CARD);
  expect(updated.records().at(-1)?.body).toMatchObject({ where: { routeId: 'T2' } });
  // From now on the note says it, however many records lie after it.
  const after = await startRig({ store, stopPlan: PLAN, clock: before.clock, limits });
  expect((await after.touch(card())).menu).toMatchObject({ shift: { routeId: 'T2' }, brokenDown: true });
});

it('a shift that the journal did not take is none after a restart', async () => {
  let fails = false;
  const store = createMemoryJournalStore(() => fails);
  const before = await startRig({ store, stopPlan: PLAN });
  await before.touch(card());
  fails = true;
  await before.press({ press: 'open-shift', routeId: 'T2', directionId: 1 });
  fails = false;
  const rig = await startRig({ store, stopPlan: PLAN, clock: before.clock });
  expect((await rig.touch(card())).menu).toMatchObject({ shift: null });
});

describe('the panel', () => {
  it('speaks the next of four languages when a key asks, for a while', async () => {
    const rig = await startRig({ limits: { languageMs: 30_000 } });
    const languages = [];
    for (let key = 0; key < 4; key++) languages.push((await rig.press({ press: 'language' })).language);
    expect(languages).toEqual(['en', 'de', 'pl', 'uk']);
    await rig.press({ press: 'language' });
    expect(rig.agent.view().language).toBe('en');
    rig.timers.advance(31_000);
    expect(rig.agent.view().language).toBe('uk');
  });

  it('says an answer that stands in another language', async () => {
    const rig = await startRig();
    await rig.touch(CARD);
    expect(await rig.press({ press: 'language' })).toMatchObject({ sign: 'accepted', language: 'en' });
  });

  it('is out of order while there is no reader for longer than it takes to come back', async () => {
    let state: 'ready' | 'absent' = 'absent';
    const rig = await startRig({
      reader: () => ({ state, recoveries: 0 }),
      limits: { readerLostMs: 5000, tickMs: 1000 },
    });
    rig.timers.advance(4999);
    expect(rig.agent.state()).toBe('waiting');
    rig.timers.advance(1001);
    expect(rig.agent.state()).toBe('out-of-order');
    expect(rig.agent.view()).toMatchObject({ sign: 'out-of-order' });
    expect(rig.agent.view().notices).toContain('reader');
    state = 'ready';
    rig.timers.advance(1000);
    expect(rig.agent.view().sign).toBe('waiting');
  });

  it('warns the driver before the journal is full', async () => {
    const rig = await startRig({ recordsMax: 10, passBackS: 0 });
    for (let n = 0; n < 6; n++) await rig.touch(CARD);
    expect(rig.agent.view().notices).not.toContain('journal-nearly-full');
    await rig.touch(CARD);
    expect(rig.agent.view().notices).toContain('journal-nearly-full');
    for (let n = 0; n < 2; n++) await rig.touch(CARD);
    rig.timers.advance(2000);
    expect(rig.agent.view()).toMatchObject({ sign: 'out-of-order' });
    expect(rig.agent.view().notices).toContain('journal-full');
  });
});
