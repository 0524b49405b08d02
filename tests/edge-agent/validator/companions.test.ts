import { describe, expect, it } from 'vitest';
import type { CompanionRule } from '#contracts/enrolment.ts';
import { AGENT_LIMITS } from '../../../edge-agent/agent-limits.ts';
import { besideLimits, offersOf } from '../../../edge-agent/validator/companions.ts';
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
    expect(besideLimits(rules, { routeId, mediumKind: 'social', nowMs }).companions).toBe(max);
  });

  it('is none without rules', () => {
    const none = { companions: 0, escorts: 0, bags: 0, together: null };
    expect(besideLimits(undefined, { routeId: 'T1', mediumKind: 'social', nowMs: 0 })).toEqual(none);
  });

  it('of escorts and bags is that of the media that have them', () => {
    const bags = { max: 2, mediumKinds: ['wallet' as const] };
    const escorts = { max: 1, mediumKinds: ['social' as const] };
    const ofKind = (mediumKind: 'social' | 'wallet' | 'bank') =>
      besideLimits([{ ...always, max: 0, bags, escorts, together: 2 }], {
        routeId: undefined,
        mediumKind,
        nowMs: 0,
      });
    expect(ofKind('social')).toEqual({ companions: 0, escorts: 1, bags: 0, together: 2 });
    expect(ofKind('wallet')).toEqual({ companions: 0, escorts: 0, bags: 2, together: 2 });
    expect(ofKind('bank')).toEqual({ companions: 0, escorts: 0, bags: 0, together: 2 });
  });
});

describe('what may be asked for', () => {
  const limits = { companions: 2, escorts: 1, bags: 2, together: 3 };
  it.each([
    [0, 0, ['companion', 'bag']],
    [1, 1, ['companion', 'bag']],
    [1, 2, ['escort']],
    [2, 0, ['escort', 'bag']],
    [2, 1, ['escort']],
    [3, 1, []],
    [3, 0, ['bag']],
  ])('after %i companions and %i bags is %j', (companions, bags, offers) => {
    expect(offersOf(limits, { companions, bags })).toEqual(offers);
  });

  it('without a limit of both is each by its own', () => {
    const apart = { ...limits, escorts: 0, together: null };
    expect(offersOf(apart, { companions: 2, bags: 1 })).toEqual(['bag']);
    expect(offersOf(apart, { companions: 1, bags: 2 })).toEqual(['companion']);
    expect(offersOf(apart, { companions: 2, bags: 2 })).toEqual([]);
  });
});

describe('baggage', () => {
  const BAGGAGE: CompanionRule[] = [
    { ...always, max: 1, bags: { max: 2, mediumKinds: ['social'] }, together: 2 },
  ];

  it('is paid for by its key in the same ride, beside a companion, up to the limit of both', async () => {
    const rig = await startRig({ companions: BAGGAGE, passBackS: 60 });
    await rig.touch(CARD);
    expect(await rig.touch(CARD)).toMatchObject({ repeated: true, asking: ['companion', 'bag'] });
    expect(await rig.press({ press: 'bag' })).toMatchObject({
      bags: 1,
      added: 'bag',
      asking: ['companion', 'bag'],
    });
    rig.timers.advance(AFTER_MS);
    // A touch answers what is asked first.
    expect(await rig.touch(CARD)).toMatchObject({ companions: 1, bags: 1, added: 'companion', asking: [] });
    await rig.press({ press: 'bag' });
    const taps = rig.records().filter(({ kind }) => kind === 'tap');
    expect(taps.map(({ body }) => body)).toMatchObject([
      { companions: 0 },
      { companions: 0, passBackOfSeq: 2 },
      { companions: 0, bags: 1, passBackOfSeq: 2 },
      { companions: 1, passBackOfSeq: 2 },
    ]);
    expect(taps.map(({ body }) => 'bags' in body)).toEqual([false, false, true, false]);
    expect(rig.settledEntries.map(({ companions, bags }) => [companions, bags])).toEqual([
      [0, undefined],
      [0, undefined],
      [1, undefined],
    ]);
    expect(rig.agent.counters()).toMatchObject({ companions: 1, bags: 1 });
  });

  it('alone is what a touch answers, is written into the card, and is remembered across a restart', async () => {
    const only: CompanionRule[] = [{ ...always, max: 0, bags: { max: 1, mediumKinds: ['social'] } }];
    const store = createMemoryJournalStore();
    const before = await startRig({ store, companions: only, passBackS: 60 });
    await before.touch(CARD);
    expect(await before.touch(CARD)).toMatchObject({ asking: ['bag'] });
    await before.press({ press: 'companion' });
    before.timers.advance(AFTER_MS);
    expect(await before.touch(CARD)).toMatchObject({ bags: 1, added: 'bag', asking: [] });
    expect(before.settledEntries.at(-1)).toMatchObject({ companions: 0, bags: 1 });
    const rig = await startRig({ store, companions: only, passBackS: 60, clock: before.clock });
    const after = await rig.touch(CARD);
    expect([after.bags, after.asking]).toEqual([1, undefined]);
  });
});

describe('an escort', () => {
  it('is asked for where nobody may pay for a companion, in other words', async () => {
    const escorts: CompanionRule[] = [{ ...always, max: 0, escorts: { max: 1, mediumKinds: ['social'] } }];
    const rig = await startRig({ companions: escorts, passBackS: 60 });
    await rig.touch(CARD);
    expect(await rig.touch(CARD)).toMatchObject({ asking: ['escort'] });
    const after = await rig.press({ press: 'companion' });
    expect(after).toMatchObject({ escorts: 1, added: 'escort', asking: [] });
    expect(after.companions).toBeUndefined();
    expect(rig.records().at(-1)?.body).toMatchObject({ companions: 1, passBackOfSeq: 2 });
    const wallet = { ...cardNumber(2), mediumKind: 'wallet' as const };
    await rig.touch(wallet);
    expect((await rig.touch(wallet)).asking).toBeUndefined();
  });
});

describe('a second touch', () => {
  it('asks for a companion; a third one while it is asked pays for one, up to the limit', async () => {
    const rig = await startRig({ companions: TWO, passBackS: 60 });
    expect((await rig.touch(CARD)).asking).toBeUndefined();
    expect(await rig.touch(CARD)).toMatchObject({ repeated: true, asking: ['companion'] });
    rig.timers.advance(AFTER_MS);
    expect(await rig.touch(CARD)).toMatchObject({ sign: 'accepted', companions: 1, asking: ['companion'] });
    rig.timers.advance(AFTER_MS);
    expect(await rig.touch(CARD)).toMatchObject({ sign: 'accepted', companions: 2, asking: [] });
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
      expect(await rig.touch(CARD)).toMatchObject({ repeated: true, asking: ['companion'] });
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
    expect(await rig.press({ press: 'companion' })).toMatchObject({ companions: 1, asking: ['companion'] });
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
    expect(await rig.touch(CARD)).toMatchObject({ repeated: true, asking: ['companion'] });
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
