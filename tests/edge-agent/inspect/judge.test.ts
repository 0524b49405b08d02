/** Whether a ride stands, and when nobody is fined: every doubt is the passenger's. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InspectionRule, PenaltyRule } from '#contracts/enrolment.ts';
import { parserOf } from '#contracts/parse.ts';
import { PenaltyProtocol } from '#contracts/record.ts';
import { type CheckQuestion, judge } from '../../../edge-agent/inspect/judge.ts';
import { prepareProtocol, ruleFor } from '../../../edge-agent/inspect/penalty.ts';
import type { CardLogEntry } from '../../../edge-agent/ports.ts';

const NOW_MS = 1_760_420_000_000;
const HERE = 'aa000001';
const RULE: InspectionRule = {
  validFromMs: 0,
  validUntilMs: null,
  rideWindowS: 5400,
  penalty: {
    fareMinor: '1200',
    factor: 20,
    penaltyMinor: '24000',
    currency: 'UAH',
    act: 'kupap',
    actNames: { uk: 'КУпАП', en: 'a', de: 'b', pl: 'c' },
    article: 'ст. 135',
    packageHash: 'ab'.repeat(32),
  },
};
const WINDOW_MS = RULE.rideWindowS * 1000;
const logged = (change: Partial<CardLogEntry> = {}): CardLogEntry => ({
  atMs: NOW_MS - 60_000,
  vehicleTag: HERE,
  routeTag: '00000000',
  deviceTag: 'bb000001',
  seq: 4,
  companions: 0,
  clockUnsure: false,
  ...change,
});
const question = (change: Partial<CheckQuestion> = {}): CheckQuestion => ({
  medium: { kind: 'medium', tokenId: `k1.${'0'.repeat(32)}`, log: [] },
  nowMs: NOW_MS,
  uncertaintyMs: 0,
  vehicleTag: HERE,
  rule: RULE,
  validators: [{ deviceId: 'val-101', inOrder: true }],
  silent: [],
  ...change,
});
const medium = (log: readonly CardLogEntry[], refused?: 'CARD_DENIED' | 'CARD_EXPIRED') =>
  ({ kind: 'medium', tokenId: `k1.${'0'.repeat(32)}`, log, ...(refused && { refused }) }) as const;
const resultOf = (change: Partial<CheckQuestion>) => judge(question(change)).result;

describe('a ride stands', () => {
  it("by the card's own log, with nobody to ask", () => {
    const verdict = judge(question({ medium: medium([logged({ companions: 2, bags: 1 })]), validators: [] }));
    expect(verdict).toEqual({
      result: 'ride-stands',
      evidence: 'card-log',
      ride: { atMs: NOW_MS - 60_000, deviceTag: 'bb000001', seq: 4, companions: 2, bags: 1 },
      finable: false,
    });
  });

  it('until the last millisecond of the window and no longer, by log and by validator alike', () => {
    for (const [agoMs, result] of [
      [WINDOW_MS - 1, 'ride-stands'],
      [WINDOW_MS, 'no-ride'],
    ] as const) {
      const atMs = NOW_MS - agoMs;
      expect(resultOf({ medium: medium([logged({ atMs })]) })).toBe(result);
      const ride = { atMs, seq: 9, companions: 0 };
      expect(resultOf({ validators: [{ deviceId: 'val-101', inOrder: true, ride }] })).toBe(result);
    }
  });

  it('as long as the clock leaves it open', () => {
    const late = { medium: medium([logged({ atMs: NOW_MS - WINDOW_MS - 5000 })]) };
    expect(resultOf({ ...late, uncertaintyMs: 5000 })).toBe('no-ride');
    expect(resultOf({ ...late, uncertaintyMs: 5001 })).toBe('ride-stands');
  });

  it('in its own vehicle only', () => {
    expect(resultOf({ medium: medium([logged({ vehicleTag: 'aa000002' })]) })).toBe('no-ride');
  });

  it('at an unsure time if it is the newest on the card: then it may be of now', () => {
    const unsure = logged({ atMs: 0, clockUnsure: true });
    expect(resultOf({ medium: medium([unsure]) })).toBe('ride-stands');
    expect(resultOf({ medium: medium([logged({ vehicleTag: 'aa000002' }), unsure]) })).toBe('no-ride');
  });

  it("by the vehicle's validators where the card shows nothing, also if one of them was out of order", () => {
    const ride = { atMs: NOW_MS - 1000, seq: 9, companions: 1 };
    const validators = [
      { deviceId: 'val-1', inOrder: false },
      { deviceId: 'val-2', inOrder: true, ride },
    ];
    expect(judge(question({ validators }))).toMatchObject({
      result: 'ride-stands',
      evidence: 'vehicle',
      ride: { deviceId: 'val-2', seq: 9, companions: 1 },
    });
  });

  it('also with a card that was denied or ran out since', () => {
    expect(resultOf({ medium: medium([logged()], 'CARD_DENIED') })).toBe('ride-stands');
  });
});

describe('nobody is fined', () => {
  const nothing: CheckQuestion['medium'][] = [
    medium([]),
    medium([], 'CARD_EXPIRED'),
    { kind: 'not-taken', reason: 'CARD_UNKNOWN' },
    { kind: 'none' },
  ];
  it('while any validator was out of order, or is silent though its neighbours know it', () => {
    for (const it of nothing) {
      const broken = [
        { deviceId: 'val-1', inOrder: true },
        { deviceId: 'val-2', inOrder: false },
      ];
      for (const doubt of [{ validators: broken }, { silent: ['val-3'] }])
        expect(judge(question({ medium: it, ...doubt }))).toMatchObject({
          result: 'validator-out-of-order',
          finable: false,
        });
    }
  });

  it('while no validator answers, or the tariff says nothing', () => {
    for (const it of nothing)
      for (const doubt of [{ validators: [] }, { rule: undefined }])
        expect(judge(question({ medium: it, ...doubt }))).toMatchObject({
          result: 'unclear',
          finable: false,
        });
  });

  it('for a card that could not be read', () => {
    for (const reason of ['CARD_UNREADABLE', 'CARDS_SEVERAL'] as const)
      expect(judge(question({ medium: { kind: 'not-taken', reason } }))).toMatchObject({
        result: 'not-readable',
        finable: false,
      });
  });

  it('for a medium without a token, of which no validator could be asked: it may have ridden', () => {
    for (const reason of ['PHONE_LOCKED', 'BANK_CARD_NOT_TAKEN', 'MEDIUM_NOT_TAKEN'] as const)
      expect(judge(question({ medium: { kind: 'not-taken', reason } }))).toMatchObject({
        result: 'refused',
        reason,
        evidence: 'none',
        finable: false,
      });
  });

  it('without a penalty in the tariff', () => {
    const { penalty: _, ...rule } = RULE;
    expect(judge(question({ rule }))).toMatchObject({ result: 'no-ride', finable: false });
  });

  it('unless every validator answered, all were in order, and neither card nor validator knows a ride', () => {
    const word = fc.record({
      deviceId: fc.constantFrom('val-1', 'val-2'),
      inOrder: fc.boolean(),
      ride: fc.option(
        fc.record({ atMs: fc.integer({ min: 0, max: 2 * NOW_MS }), seq: fc.nat(), companions: fc.nat(3) }),
        {
          nil: undefined,
        },
      ),
    });
    const entry = fc.record({
      atMs: fc.integer({ min: 0, max: 2 * NOW_MS }),
      vehicleTag: fc.constantFrom(HERE, 'aa000002'),
      routeTag: fc.constant('00000000'),
      deviceTag: fc.constant('bb000001'),
      seq: fc.nat(),
      companions: fc.nat(3),
      clockUnsure: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 3 }),
        fc.array(entry, { maxLength: 3 }),
        fc.boolean(),
        (words, log, none) => {
          const validators = words.map(({ ride, ...rest }) => ({ ...rest, ...(ride && { ride }) }));
          const verdict = judge(question({ medium: none ? { kind: 'none' } : medium(log), validators }));
          if (!verdict.finable) return;
          expect(words.length).toBeGreaterThan(0);
          expect(words.every((w) => w.inOrder)).toBe(true);
          const fresh = (atMs: number) => atMs + WINDOW_MS > NOW_MS;
          // Without a medium nobody was asked about one.
          if (!none) expect(words.some((w) => w.ride && fresh(w.ride.atMs))).toBe(false);
          if (!none)
            expect(log.some((e) => e.vehicleTag === HERE && !e.clockUnsure && fresh(e.atMs))).toBe(false);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('what is asked', () => {
  it('a card that is not taken is refused with its reason, and a protocol may follow', () => {
    expect(judge(question({ medium: medium([], 'CARD_DENIED') }))).toMatchObject({
      result: 'refused',
      reason: 'CARD_DENIED',
      finable: true,
    });
    expect(judge(question({ medium: { kind: 'none' } }))).toMatchObject({ result: 'no-ride', finable: true });
  });

  it("the rule is the route's own, else that of all others, at both sides of its dates", () => {
    const own = { ...RULE, routeIds: ['T2'], rideWindowS: 60 };
    const old = { ...RULE, validFromMs: 0, validUntilMs: 1000 };
    const rules = [{ ...RULE, validFromMs: 1000 }, { ...own, validFromMs: 1000 }, old];
    expect(ruleFor(rules, 1000, 'T2')?.rideWindowS).toBe(60);
    expect(ruleFor(rules, 1000, 'T5')?.rideWindowS).toBe(5400);
    expect(ruleFor(rules, 1000, undefined)?.rideWindowS).toBe(5400);
    expect(ruleFor(rules, 999, 'T2')).toBe(old);
    expect(ruleFor([old], 1000, 'T2')).toBeUndefined();
  });

  it('of a route that nobody knows is the mildest of all: the longest window, the lowest penalty', () => {
    const penalty = RULE.penalty as PenaltyRule;
    const asks = (penaltyMinor: string, currency = 'UAH') => ({ ...penalty, penaltyMinor, currency });
    const others = { ...RULE, penalty: asks('24000') };
    const trolley = { ...RULE, routeIds: ['T2'], rideWindowS: 7200, penalty: asks('9000') };
    const night = { ...RULE, routeIds: ['N1'], rideWindowS: 60, penalty: asks('100000') };
    expect(ruleFor([others, trolley, night], 1000, undefined)).toMatchObject({
      rideWindowS: 7200,
      penalty: { penaltyMinor: '9000' },
    });
    const { penalty: _, ...free } = night;
    expect(ruleFor([others, trolley, free], 1000, undefined)?.penalty).toBeUndefined();
    const abroad = { ...night, penalty: asks('1', 'EUR') };
    expect(ruleFor([others, abroad], 1000, undefined)?.penalty).toBeUndefined();
    // It may be one of which no rule speaks.
    expect(ruleFor([trolley, night], 1000, undefined)).toBeUndefined();
    expect(ruleFor([], 1000, undefined)).toBeUndefined();
  });

  it('a protocol has a number that can be read out, and what the rule says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 5, maxLength: 5 }), (random) => {
        expect(parserOf(PenaltyProtocol)(prepareProtocol(RULE, random))).toMatchObject({ ok: true });
      }),
      { numRuns: 200 },
    );
    expect(prepareProtocol(RULE, new Uint8Array(5))?.number).toBe('0000-0000');
    expect(prepareProtocol(RULE, new Uint8Array(5).fill(255))?.number).toBe('ZZZZ-ZZZZ');
    expect(prepareProtocol(RULE, new Uint8Array(5))).not.toHaveProperty('actNames');
  });
});
