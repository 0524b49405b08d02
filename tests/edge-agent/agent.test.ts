import { describe, expect, it } from 'vitest';
import { parseHealth } from '#contracts/device-report.ts';
import { manualClock } from '../support/manual-clock.ts';
import { CARD, cardNumber, settled, startRig } from './support/agent-rig.ts';
import { createMemoryJournalStore } from './support/memory-journal-store.ts';

describe('a touch', () => {
  it('a good card is green, with a tap record that says where and under which deny list', async () => {
    const rig = await startRig();
    rig.agent.setWhereabouts({ routeId: 'r1', tripId: 't1', stopId: 's1' });
    const view = await rig.touch(CARD);
    expect(view).toMatchObject({ sign: 'accepted', language: 'uk', online: false });
    expect(rig.records().at(-1)).toMatchObject({
      kind: 'tap',
      seq: 2,
      body: {
        tokenId: CARD.tokenId,
        mediumKind: 'social',
        direction: 'in',
        where: { vehicleId: 'bus-12', routeId: 'r1', tripId: 't1', stopId: 's1' },
        companions: 0,
        denyList: { generation: 0, n: 0 },
      },
    });
    expect(rig.answers.at(-1)?.id).toBe(`val-1.${rig.store.head()?.epoch}.2`);
  });

  it('an unreadable card is red with a record that names no token', async () => {
    const rig = await startRig();
    const view = await rig.touch({ ok: false, reason: 'CARD_UNREADABLE' });
    expect(view).toMatchObject({ sign: 'refused', reason: 'CARD_UNREADABLE' });
    const record = rig.records().at(-1);
    expect(record).toMatchObject({ kind: 'refused', body: { reason: 'CARD_UNREADABLE' } });
    expect(record?.body).not.toHaveProperty('tokenId');
  });

  it('an expired card is red in its own language, with its token in the record', async () => {
    const rig = await startRig();
    const view = await rig.touch({ ...CARD, validUntilMs: rig.clock.nowMs(), language: 'pl' });
    expect(view).toMatchObject({ sign: 'refused', reason: 'CARD_EXPIRED', language: 'pl' });
    expect(rig.records().at(-1)?.body).toMatchObject({ tokenId: CARD.tokenId });
  });

  it('the answer stays on the screen for its time, then the screen waits again', async () => {
    const rig = await startRig({ limits: { answerShownMs: 1500 } });
    await rig.touch(CARD);
    rig.timers.advance(1499);
    expect(rig.agent.view().sign).toBe('accepted');
    rig.timers.advance(1);
    expect(rig.agent.view().sign).toBe('waiting');
  });

  it('cards presented at once are answered one after the other, each with its own record', async () => {
    const rig = await startRig();
    await Promise.all([rig.touch(cardNumber(1)), rig.touch(cardNumber(2)), rig.touch(cardNumber(3))]);
    expect(new Set(rig.answers.map((answer) => answer.id)).size).toBe(3);
  });
});

describe('pass-back', () => {
  it('a second touch just within the window is the same ride, at its end a new one', async () => {
    const rig = await startRig({ passBackS: 10 });
    await rig.touch(CARD);
    rig.clock.advance(9999);
    expect(await rig.touch(CARD)).toMatchObject({ sign: 'accepted', repeated: true });
    expect(rig.records().at(-1)?.body).toMatchObject({ passBackOfSeq: 2 });
    rig.clock.advance(1);
    expect((await rig.touch(CARD)).repeated).toBeUndefined();
  });

  it('repetitions do not lengthen the window', async () => {
    const rig = await startRig({ passBackS: 10 });
    await rig.touch(CARD);
    rig.clock.advance(6000);
    expect((await rig.touch(CARD)).repeated).toBe(true);
    rig.clock.advance(4000);
    expect((await rig.touch(CARD)).repeated).toBeUndefined();
  });

  it('the same medium in another vehicle is a ride of its own', async () => {
    const rig = await startRig();
    await rig.touch(CARD);
    rig.agent.setWhereabouts({ vehicleId: 'bus-13' });
    expect((await rig.touch(CARD)).repeated).toBeUndefined();
  });

  it('where passengers get on and off at one validator, a touch at the next stop is no repetition', async () => {
    const rig = await startRig({ direction: 'both' });
    const touchAt = (stopId: string) => {
      rig.agent.setWhereabouts({ routeId: 'r1', stopId });
      return rig.touch(CARD);
    };
    await touchAt('s1');
    expect(rig.records().at(-1)?.body).not.toHaveProperty('direction');
    expect((await touchAt('s1')).repeated).toBe(true);
    expect((await touchAt('s2')).repeated).toBeUndefined();
    expect(rig.records().at(-1)?.body).not.toHaveProperty('passBackOfSeq');
  });

  it('a validator for getting off says so', async () => {
    const rig = await startRig({ direction: 'out' });
    await rig.touch(CARD);
    expect(rig.records().at(-1)?.body).toMatchObject({ direction: 'out' });
  });

  it('a wall clock set back by a day does not make an old ride new', async () => {
    const rig = await startRig({ passBackS: 10 });
    await rig.touch(CARD);
    rig.clock.advance(60_000);
    rig.clock.setWall(rig.clock.nowMs() - 60_000);
    expect((await rig.touch(CARD)).repeated).toBeUndefined();
  });

  it('after a restart the next touch of the same card is the same ride still', async () => {
    const store = createMemoryJournalStore();
    const clock = manualClock();
    const before = await startRig({ store, clock });
    await before.touch(CARD);
    await before.agent.stop();
    clock.advance(9999);
    const after = await startRig({ store, clock });
    expect(await after.touch(CARD)).toMatchObject({ repeated: true });
    expect(after.records().at(-1)?.body).toMatchObject({ passBackOfSeq: 2 });
    clock.advance(1);
    expect((await after.touch(CARD)).repeated).toBeUndefined();
  });
});

describe('a validator that cannot write', () => {
  it('a full journal takes its last record and then is out of order; nothing is overwritten', async () => {
    const rig = await startRig({ recordsMax: 4 });
    for (const n of [1, 2, 3]) expect((await rig.touch(cardNumber(n))).sign).toBe('accepted');
    expect(rig.agent.state()).toBe('out-of-order');
    expect(await rig.touch(cardNumber(4))).toMatchObject({
      sign: 'refused',
      reason: 'VALIDATOR_OUT_OF_ORDER',
    });
    expect(rig.answers.at(-1)?.id).toBeNull();
    expect(rig.records().map((record) => record.seq)).toEqual([1, 2, 3, 4]);
    rig.timers.advance(5000);
    expect(rig.agent.view()).toMatchObject({ sign: 'out-of-order', reason: 'VALIDATOR_OUT_OF_ORDER' });
    expect(rig.agent.health().journal).toEqual({
      ...{ unreceipted: 4, kept: 0, capacity: 4, forgottenUnsaved: 0 },
    });
  });

  it('a receipt makes room again', async () => {
    const rig = await startRig({ recordsMax: 4 });
    for (const n of [1, 2, 3]) await rig.touch(cardNumber(n));
    rig.connect();
    expect(await rig.receiptAll()).toBe(4);
    expect((await rig.touch(cardNumber(4))).sign).toBe('accepted');
  });

  it('a failing disk is red, leaves nothing behind, and heals by itself when a write succeeds', async () => {
    let failing = false;
    const rig = await startRig({ store: createMemoryJournalStore(() => failing) });
    await rig.touch(cardNumber(1));
    failing = true;
    expect(await rig.touch(cardNumber(2))).toMatchObject({ reason: 'VALIDATOR_OUT_OF_ORDER' });
    expect(await rig.touch(cardNumber(3))).toMatchObject({ reason: 'VALIDATOR_OUT_OF_ORDER' });
    expect(rig.agent.state()).toBe('out-of-order');
    rig.timers.advance(3000);
    expect(rig.agent.view().sign).toBe('out-of-order');
    failing = false;
    rig.timers.advance(1000);
    expect(rig.agent.view().sign).toBe('waiting');
    expect((await rig.touch(cardNumber(3))).sign).toBe('accepted');
    expect(rig.records().map((record) => record.seq)).toEqual([1, 2, 3]);
  });
});

describe('a bug', () => {
  it('shows red to the rider, reaches whoever presented the card, and the next card is answered', async () => {
    let broken = true;
    const rig = await startRig({
      probe: (point) => {
        if (broken && point === 'edge.before-append') throw new Error('a bug');
      },
    });
    await expect(rig.touch(cardNumber(1))).rejects.toThrow('a bug');
    expect(rig.agent.view()).toMatchObject({ sign: 'refused', reason: 'VALIDATOR_OUT_OF_ORDER' });
    broken = false;
    expect((await rig.touch(cardNumber(2))).sign).toBe('accepted');
  });
});

describe('refusals', () => {
  it('a wedged reader cannot fill the journal: beyond the quota red is shown and counted, not written', async () => {
    const rig = await startRig({ limits: { refusalBurst: 3, refusalRefillMs: 1000 } });
    for (let i = 0; i < 10; i++) await rig.touch({ ok: false, reason: 'CARD_UNREADABLE' });
    expect(rig.records().filter((record) => record.kind === 'refused')).toHaveLength(3);
    expect(rig.answers).toHaveLength(10);
    expect(rig.agent.state()).toBe('cooling');
    expect(rig.agent.counters()).toMatchObject({ refused: 10, refusalsNotRecorded: 7 });
    expect((await rig.touch(CARD)).sign).toBe('accepted');
    rig.timers.advance(999);
    await rig.touch({ ok: false, reason: 'CARD_UNREADABLE' });
    rig.timers.advance(1);
    await rig.touch({ ok: false, reason: 'CARD_UNREADABLE' });
    expect(rig.records().filter((record) => record.kind === 'refused')).toHaveLength(4);
  });
});

describe('shift and health', () => {
  it('a shift is recorded with its route, and later taps carry it', async () => {
    const rig = await startRig();
    expect(rig.agent.openShift({ routeId: 'r5', tripId: 't9' })).toBe(true);
    await rig.touch(CARD);
    expect(rig.agent.closeShift('driver')).toBe(true);
    const [, open, tap, close] = rig.records();
    const where = { vehicleId: 'bus-12', routeId: 'r5', tripId: 't9' };
    expect(open).toMatchObject({ kind: 'shift', body: { action: 'open', source: 'plan', where } });
    expect(tap?.body).toMatchObject({ where });
    expect(close).toMatchObject({ kind: 'shift', body: { action: 'close', source: 'driver' } });
  });

  it('health goes out at the connection and at each interval, is well-formed and names no token', async () => {
    const rig = await startRig({ limits: { healthIntervalMs: 5000 } });
    rig.agent.setWhereabouts({ routeId: 'r1' }, { lat: 49.55, lon: 25.59, bearing: 90 }, 'stop-4');
    await rig.touch(CARD);
    rig.connect();
    rig.timers.advance(10_000);
    expect(rig.healths).toHaveLength(3);
    const text = JSON.stringify(rig.healths.at(-1));
    expect(parseHealth(Buffer.from(text)).ok).toBe(true);
    expect(text).not.toContain('k1.');
    expect(rig.healths.at(-1)).toMatchObject({
      seq: 2,
      counters: { accepted: 1, refused: 0 },
      where: { vehicleId: 'bus-12', routeId: 'r1' },
      position: { lat: 49.55, lon: 25.59, bearing: 90 },
      nextStopId: 'stop-4',
    });
  });

  it('the screen shows within a moment that the network has gone, and that it is back', async () => {
    const rig = await startRig({ connected: true });
    expect(rig.views.at(-1)?.online).toBe(true);
    rig.lose();
    expect(rig.views.at(-1)?.online).toBe(false);
    rig.connect();
    expect(rig.views.at(-1)?.online).toBe(true);
    await settled();
  });
});

describe('days without the city', () => {
  it('three days offline decide the same as online, and everything arrives once afterwards', async () => {
    const rig = await startRig({ recordsMax: 5000 });
    const minutes = 3 * 24 * 60;
    for (let minute = 0; minute < minutes; minute += 5) {
      rig.clock.advance(300_000);
      rig.timers.advance(300_000);
      expect((await rig.touch(cardNumber(minute))).sign).toBe('accepted');
    }
    expect(rig.sent).toHaveLength(0);
    rig.connect();
    let arrived = 0;
    for (let got = await rig.receiptAll(); got > 0; got = await rig.receiptAll()) arrived += got;
    // The epoch record, every tap, and one clock-sync record once the city was heard.
    expect(arrived).toBe(1 + minutes / 5 + 1);
    expect(rig.agent.health().journal.unreceipted).toBe(0);
  });
});
