import { describe, expect, it } from 'vitest';
import type { CompanionRule } from '#contracts/enrolment.ts';
import { AGENT_LIMITS } from '../../../edge-agent/agent-limits.ts';
import { companionsMax } from '../../../edge-agent/validator/companions.ts';
import { CARD, cardNumber, startRig } from '../support/agent-rig.ts';
import { createMemoryJournalStore } from '../support/memory-journal-store.ts';

const always = { validFromMs: 0, validUntilMs: null };
const AFTER_MS = AGENT_LIMITS.companionTouchMs;
const TWO: CompanionRule[] = [{ ...always, max: 2 }];

describe("the tariff's limit", () => {
  const rules: CompanionRule[] = [
    { validFromMs: 100, validUntilMs: 200, routeIds: ['T1'], max: 3 },
    { validFromMs: 100, validUntilMs: 200, max: 1 },
    { validFromMs: 200, validUntilMs: null, max: 5 },
  ];
  it.each([
    ['T1', 99, 0],
    ['T1', 100, 3],
    ['T1', 199, 3],
    ['T1', 200, 5],
    ['T2', 150, 1],
    [undefined, 150, 1],
  ])('on route %s at %i is %i', (routeId, nowMs, max) => {
    expect(companionsMax(rules, routeId, nowMs)).toBe(max);
  });

  it('is none without rules', () => {
    expect(companionsMax(undefined, 'T1', 0)).toBe(0);
  });
});

describe('a second touch', () => {
  it('asks for a companion; a third one while it is asked pays for one, up to the limit', async () => {
    const rig = await startRig({ companions: TWO, passBackS: 60 });
    expect((await rig.touch(CARD)).asking).toBeUndefined();
    expect(await rig.touch(CARD)).toMatchObject({ repeated: true, asking: true });
    rig.timers.advance(AFTER_MS);
    expect(await rig.touch(CARD)).toMatchObject({ sign: 'accepted', companions: 1, asking: true });
    rig.timers.advance(AFTER_MS);
    expect(await rig.touch(CARD)).toMatchObject({ sign: 'accepted', companions: 2, asking: false });
    const after = await rig.touch(CARD);
    expect(after).toMatchObject({ repeated: true, companions: 2 });
    expect(after.asking).toBeUndefined();
    expect(
      rig
        .records()
        .filter(({ kind }) => kind === 'tap')
        .map(({ body }) => body),
    ).toMatchObject([
      { companions: 0 },
      { companions: 0, passBackOfSeq: 2 },
      { companions: 1, passBackOfSeq: 2 },
      { companions: 1, passBackOfSeq: 2 },
      { companions: 0, passBackOfSeq: 2 },
    ]);
    expect(rig.settledEntries.map(({ companions }) => companions)).toEqual([0, 0, 1, 1, 0]);
    expect(rig.agent.counters().companions).toBe(2);
  });

  it('that flutters at the reader is one ride: a touch answers only when the question could be read', async () => {
    const rig = await startRig({ companions: TWO, passBackS: 60 });
    await rig.touch(CARD);
    for (let flutter = 0; flutter < 4; flutter++) {
      expect(await rig.touch(CARD)).toMatchObject({ repeated: true, asking: true });
      rig.timers.advance(AFTER_MS - 1);
    }
    expect(rig.agent.counters().companions).toBe(0);
    await rig.touch(CARD);
    rig.timers.advance(AFTER_MS);
    expect(await rig.touch(CARD)).toMatchObject({ companions: 1 });
  });

  it('is answered by a key as well, and "enough" ends it', async () => {
    const rig = await startRig({ companions: TWO, passBackS: 60 });
    await rig.touch(CARD);
    await rig.touch(CARD);
    expect(await rig.press({ press: 'companion' })).toMatchObject({ companions: 1, asking: true });
    await rig.press({ press: 'enough' });
    await rig.press({ press: 'companion' });
    expect(rig.records().filter(({ kind }) => kind === 'tap')).toHaveLength(3);
    expect(rig.answers.at(-2)?.id).toBe(`val-1.${rig.store.head()?.epoch}.4`);
  });

  it('of another card drops the question: a late key pays for nobody', async () => {
    const rig = await startRig({ companions: TWO, passBackS: 60 });
    await rig.touch(CARD);
    await rig.touch(CARD);
    await rig.touch(cardNumber(2));
    await rig.press({ press: 'companion' });
    expect(rig.records().at(-1)?.body).toMatchObject({ companions: 0, tokenId: cardNumber(2).tokenId });
  });

  it('after the question is over asks again, and pays for nobody by itself', async () => {
    const rig = await startRig({ companions: TWO, passBackS: 60, limits: { companionMs: 6000 } });
    await rig.touch(CARD);
    await rig.touch(CARD);
    rig.timers.advance(6000);
    expect(rig.agent.state()).toBe('waiting');
    expect(await rig.touch(CARD)).toMatchObject({ repeated: true, asking: true });
    expect(rig.records().at(-1)?.body).toMatchObject({ companions: 0 });
  });

  it('asks nothing where the tariff allows nobody', async () => {
    const rig = await startRig({ passBackS: 60 });
    await rig.touch(CARD);
    expect((await rig.touch(CARD)).asking).toBeUndefined();
  });

  it('counts companions across a restart', async () => {
    const store = createMemoryJournalStore();
    const before = await startRig({ store, companions: TWO, passBackS: 60 });
    for (let touch = 0; touch < 4; touch++) {
      await before.touch(CARD);
      before.timers.advance(AFTER_MS);
    }
    const rig = await startRig({ store, companions: TWO, passBackS: 60, clock: before.clock });
    expect((await rig.touch(CARD)).asking).toBeUndefined();
  });

  it('that pays for a companion on a full journal is out of order, and pays for nobody', async () => {
    const rig = await startRig({ companions: TWO, passBackS: 60, recordsMax: 3 });
    await rig.touch(CARD);
    await rig.touch(CARD);
    expect(await rig.touch(CARD)).toMatchObject({ sign: 'refused', reason: 'VALIDATOR_OUT_OF_ORDER' });
    expect(rig.agent.state()).toBe('out-of-order');
  });
});
