import { describe, expect, it } from 'vitest';
import type { DenyEntry } from '#contracts/deny-list.ts';
import { decideTap, type TapQuestion } from '../../edge-agent/decide-tap.ts';
import { CARD } from './support/agent-rig.ts';

const NOON = Date.UTC(2026, 2, 2, 12);
const POLICY = { passBackS: 10, mediumKinds: ['social', 'wallet'] as const, journalRecordsMax: 100 };

function ask(more: Partial<TapQuestion> = {}) {
  const certain = { uncertaintyMs: 0, listVouchedAtMs: null };
  return decideTap({
    card: CARD,
    nowMs: NOON,
    policy: POLICY,
    denials: [],
    earlier: null,
    ...certain,
    ...more,
  });
}

function denied(more: Partial<DenyEntry> = {}): DenyEntry {
  const always = { validFromMs: 0, validUntilMs: null };
  return { tokenId: CARD.tokenId, reason: 'lost', scope: 'all', ...always, ...more };
}

const green = { accepted: true, deniedWhenPaid: false };
const red = (reason: string) => ({ accepted: false, reason });

describe('the validity of a card', () => {
  const card = { ...CARD, validFromMs: NOON, validUntilMs: NOON + 1000 };

  it('a card is refused one millisecond before its first instant and taken at it', () => {
    expect(ask({ card, nowMs: NOON - 1 })).toEqual(red('CARD_NOT_YET_VALID'));
    expect(ask({ card, nowMs: NOON })).toEqual(green);
  });

  it('a card is taken up to one millisecond before its end and refused at it', () => {
    expect(ask({ card, nowMs: NOON + 999 })).toEqual(green);
    expect(ask({ card, nowMs: NOON + 1000 })).toEqual(red('CARD_EXPIRED'));
  });
});

describe('the kind of medium', () => {
  it('a kind that the city does not take here is refused, before anything else is said of the card', () => {
    const card = { ...CARD, mediumKind: 'bank' as const, validUntilMs: NOON };
    expect(ask({ card })).toEqual(red('MEDIUM_NOT_TAKEN'));
    expect(ask({ card, policy: { ...POLICY, mediumKinds: ['bank'] } })).toEqual(red('CARD_EXPIRED'));
  });
});

describe('the deny list', () => {
  it.each([
    ['lost', 'CARD_BLOCKED'],
    ['replaced', 'CARD_REPLACED'],
    ['debt', 'CARD_DENIED'],
    ['fraud', 'CARD_DENIED'],
  ] as const)(
    'a medium denied for everything as %s is refused, and says what is for the door',
    (reason, code) => {
      expect(ask({ denials: [denied({ reason })] })).toEqual(red(code));
    },
  );

  it('an empty wallet never refuses: the ride may be a concession, so it is let on and marked', () => {
    expect(ask({ denials: [denied({ reason: 'debt', scope: 'paid' })] })).toEqual({
      accepted: true,
      deniedWhenPaid: true,
    });
  });

  it('of two entries, one for each token of a rotating key, what is over hides nothing and `all` outweighs `paid`', () => {
    const lost = denied();
    const debt = denied({ reason: 'debt', scope: 'paid' });
    const over = denied({ reason: 'replaced', validUntilMs: NOON });
    for (const denials of [
      [debt, lost],
      [lost, debt],
      [over, lost],
      [lost, over],
    ])
      expect(ask({ denials })).toEqual(red('CARD_BLOCKED'));
    expect(ask({ denials: [debt, over] })).toEqual({ accepted: true, deniedWhenPaid: true });
    expect(ask({ denials: [over, debt] })).toEqual({ accepted: true, deniedWhenPaid: true });
  });

  it('an entry holds from its first instant until just before its last', () => {
    const denials = [denied({ validFromMs: NOON, validUntilMs: NOON + 1000 })];
    expect(ask({ denials, nowMs: NOON - 1 })).toEqual(green);
    expect(ask({ denials, nowMs: NOON })).toEqual(red('CARD_BLOCKED'));
    expect(ask({ denials, nowMs: NOON + 999 })).toEqual(red('CARD_BLOCKED'));
    expect(ask({ denials, nowMs: NOON + 1000 })).toEqual(green);
  });

  it('lets on where the clock leaves open whether a denial has begun or is over', () => {
    const denials = [denied({ validFromMs: NOON, validUntilMs: NOON + 1000 })];
    const unsure = { denials, uncertaintyMs: 100 };
    expect(ask({ ...unsure, nowMs: NOON + 99 })).toEqual(green);
    expect(ask({ ...unsure, nowMs: NOON + 100 })).toEqual(red('CARD_BLOCKED'));
    expect(ask({ ...unsure, nowMs: NOON + 899 })).toEqual(red('CARD_BLOCKED'));
    expect(ask({ ...unsure, nowMs: NOON + 900 })).toEqual(green);
  });

  it('knows that it is not earlier than the manifest by which the list holds', () => {
    const denials = [denied({ validFromMs: NOON, validUntilMs: NOON + 1000 })];
    const wrong = { denials, nowMs: NOON - 10_000, uncertaintyMs: 100 };
    expect(ask({ ...wrong, listVouchedAtMs: NOON - 1 })).toEqual(green);
    expect(ask({ ...wrong, listVouchedAtMs: NOON })).toEqual(red('CARD_BLOCKED'));
    expect(ask({ ...wrong, listVouchedAtMs: NOON + 1000 })).toEqual(green);
  });
});

describe('pass-back', () => {
  it('a touch within the window repeats the ride, one at the end of the window is a new one', () => {
    expect(ask({ earlier: { seq: 7, elapsedMs: 9999, companions: 0 } })).toEqual({
      ...green,
      repeated: true,
      passBackOfSeq: 7,
      companions: 0,
    });
    expect(ask({ earlier: { seq: 7, elapsedMs: 10_000, companions: 0 } })).toEqual(green);
  });

  it('without a window every touch is a ride', () => {
    const policy = { ...POLICY, passBackS: 0 };
    expect(ask({ policy, earlier: { seq: 7, elapsedMs: 0, companions: 0 } })).toEqual(green);
  });

  it('a card denied since its first touch is refused, repetition or not', () => {
    expect(ask({ denials: [denied()], earlier: { seq: 7, elapsedMs: 1, companions: 0 } })).toEqual(
      red('CARD_BLOCKED'),
    );
  });
});
