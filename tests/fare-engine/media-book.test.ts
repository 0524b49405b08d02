import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import type { MediaLink } from '../../fare-engine/facts/facts.ts';
import {
  type CardReplacement,
  createMediaBook,
  kinOf,
  type MediumSuccession,
  successionsOf,
} from '../../fare-engine/facts/media-book.ts';
import { token } from './support/a-record.ts';

const said = (tokenId: string, formerTokenId: string, knownFromMs = 100): MediumSuccession => ({
  tokenId,
  formerTokenId,
  knownFromMs,
});
const link = (tokenId: string, accountId: string, knownFromMs = 50) => ({
  linkId: `${tokenId} ${accountId}`,
  tokenId,
  accountId,
  validFromMs: 0,
  validUntilMs: null,
  knownFromMs,
});
const [old, now, next] = [token(1), token(2, 2), token(3, 3)];

describe('a medium under two token keys', () => {
  it('has one account, derived from its oldest token', () => {
    const book = createMediaBook([], [said(now, old), said(next, now)]);
    for (const tokenId of [old, now, next]) {
      expect(book.rootOf(tokenId, null)).toBe(old);
      expect(book.accountOf(tokenId, 5, null)).toBe(derivedAccountId(old));
      expect(book.mediumIdOf(tokenId, null)).toBe(book.mediumIdOf(old, null));
    }
    expect(book.derivedFrom(derivedAccountId(old), next, null)).toBe(old);
    expect(book.derivedFrom('rider', next, null)).toBeNull();
  });

  it('is linked by whichever token was linked; the latest known wins', () => {
    const book = createMediaBook([link(old, 'first', 10), link(now, 'second', 20)], [said(now, old)]);
    expect([old, now].map((tokenId) => book.accountOf(tokenId, 5, null))).toEqual(['second', 'second']);
  });

  it('is two media for a day that was closed before this was known', () => {
    const book = createMediaBook([link(old, 'rider', 10)], [said(now, old, 100)]);
    expect(book.accountOf(now, 5, 99)).toBe(derivedAccountId(now));
    expect(book.accountOf(now, 5, 100)).toBe('rider');
  });

  it('is what was said first, where devices contradict each other, in any order', () => {
    const words = [said(now, token(7), 30), said(now, token(8), 20), said(now, token(9), 20)];
    for (const order of [words, words.toReversed()])
      expect(createMediaBook([], order).rootOf(now, null)).toBe(token(8));
  });

  it('never follows itself or a token of a later key', () => {
    const book = createMediaBook([], [said(old, now), said(old, old)]);
    expect(book.rootOf(old, null)).toBe(old);
    expect(successionsOf([{ tokenId: old, formerTokenId: now, receivedAtMs: 1 }])).toEqual([]);
  });

  it('is said once by many taps, as early as the earliest', () => {
    const taps = [30, 10, 20].map((receivedAtMs) => ({ tokenId: now, formerTokenId: old, receivedAtMs }));
    expect(successionsOf([...taps, { tokenId: now, formerTokenId: null, receivedAtMs: 1 }])).toEqual([
      said(now, old, 10),
    ]);
  });

  it('ends whatever devices say of it', () => {
    const tokens = fc
      .tuple(fc.nat(4), fc.integer({ min: 1, max: 4 }))
      .map(([n, version]) => token(n, version));
    const successions = fc.array(
      fc.tuple(tokens, tokens, fc.nat(5)).map(([a, b, ms]) => said(a, b, ms)),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(successions, tokens, (words, tokenId) => {
        const root = createMediaBook([], words).rootOf(tokenId, null);
        expect(kinOf(words)(tokenId)).toContain(root);
        expect(createMediaBook([], words.toReversed()).rootOf(tokenId, null)).toBe(root);
      }),
    );
  });
});

describe('a card in the place of another', () => {
  const [a, b, c] = [token(11), token(12), token(13)] as const;
  const replaced = (tokenId: string, replacesTokenId: string, change: Partial<CardReplacement> = {}) => ({
    ref: `${tokenId} ${replacesTokenId}`,
    tokenId,
    replacesTokenId,
    validFromMs: 1000,
    saidMs: change.validFromMs ?? 1000,
    knownFromMs: 1500,
    stationWords: null,
    ...change,
  });
  const whose = (
    links: MediaLink[],
    said: MediumSuccession[],
    tokenId: string,
    atMs = 5000,
    known: number | null = null,
  ) => createMediaBook(links, said).accountOf(tokenId, atMs, known);

  it('stands for its account from its instant on, derived or linked, and before that for its own', () => {
    expect(whose([], [replaced(b, a)], b)).toBe(derivedAccountId(a));
    expect(whose([link(a, 'p-1')], [replaced(b, a)], b)).toBe('p-1');
    expect(whose([link(a, 'p-1')], [replaced(b, a)], b, 999)).toBe(derivedAccountId(b));
    expect(whose([link(a, 'p-1')], [replaced(b, a)], b, 1000)).toBe('p-1');
  });

  it('keeps what the lost one stood for at that instant, whatever becomes of the lost one', () => {
    const links = [link(a, 'p-1'), { ...link(a, 'p-2', 60), validFromMs: 2000 }];
    expect(whose(links, [replaced(b, a)], b)).toBe('p-1');
    expect(whose(links, [replaced(b, a, { validFromMs: 2000 })], b)).toBe('p-2');
  });

  it('stands below a word of the office on itself that is younger, and above an older one', () => {
    expect(whose([link(b, 'p-9', 999)], [replaced(b, a)], b)).toBe(derivedAccountId(a));
    expect(whose([link(b, 'p-9', 1000)], [replaced(b, a)], b)).toBe('p-9');
  });

  it('counts while its station might issue, by what was known then', () => {
    const word = (allowed: boolean, knownFromMs: number) => ({
      stationId: `s-${knownFromMs}`,
      allowed,
      knownFromMs,
    });
    const stationWords = [word(true, 2000), word(false, 3000), word(true, 4000)];
    for (const words of [stationWords, stationWords.toReversed()]) {
      const said = [replaced(b, a, { stationWords: words })];
      const at = (known: number | null) => whose([], said, b, 5000, known) === derivedAccountId(a);
      expect([1499, 1999, 2000, 2999, 3000, 4000, null].map(at)).toEqual([
        ...[false, false, true, true, false, true, true],
      ]);
    }
    expect(whose([], [replaced(b, a, { stationWords: [] })], b)).toBe(derivedAccountId(b));
  });

  it('leads in no circle', () => {
    const circle = [replaced(b, a), replaced(a, b)];
    expect([a, b].map((tokenId) => whose([], circle, tokenId))).toEqual([
      derivedAccountId(a),
      derivedAccountId(b),
    ]);
    expect(whose([], [replaced(a, a)], a)).toBe(derivedAccountId(a));
  });

  it('under a new token key is the same card: it keeps the account of the one it replaced', () => {
    const next = token(14, 2);
    expect(whose([link(a, 'p-1')], [replaced(b, a), said(next, b)], next)).toBe('p-1');
  });

  it('does not depend on the order in which facts come', () => {
    const facts = [
      replaced(b, a),
      replaced(c, b, { validFromMs: 3000 }),
      said(token(15, 2), c),
      replaced(c, a, { validFromMs: 3000, ref: 'x' }),
    ];
    const links = [link(a, 'p-1'), link(b, 'p-2', 2000)];
    const tokens = [a, b, c, token(15, 2)];
    const expected = tokens.map((tokenId) => whose(links, facts, tokenId));
    fc.assert(
      fc.property(
        fc.shuffledSubarray(facts, { minLength: 4 }),
        fc.shuffledSubarray(links, { minLength: 2 }),
        (f, l) => {
          expect(tokens.map((tokenId) => whose(l, f, tokenId))).toEqual(expected);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('a bank card and its phone', () => {
  const PAR = '5413KVYTOK0000000000000000001';
  const par = (tokenId: string, knownFromMs: number, reference = PAR) => ({
    tokenId,
    par: reference,
    knownFromMs,
  });
  const [card, phone, watch] = [token(11), token(12), token(13)];

  it('are one account, derived from who was known first, and from then on only', () => {
    const book = createMediaBook([], [par(phone, 200), par(card, 100)]);
    for (const tokenId of [card, phone])
      expect(book.accountOf(tokenId, 5, null)).toBe(derivedAccountId(card));
    expect(book.accountOf(phone, 5, 199)).toBe(derivedAccountId(phone));
    expect(book.accountOf(phone, 5, 200)).toBe(derivedAccountId(card));
    expect(book.mediumIdOf(card, null)).not.toBe(book.mediumIdOf(phone, null));
    expect(book.derivedFrom(derivedAccountId(card), phone, null)).toBe(card);
  });

  it('follow the link of either, and one that is linked itself stays where it is', () => {
    const words = [par(card, 100), par(phone, 200), par(watch, 300)];
    const book = createMediaBook([link(phone, 'person-1')], words);
    for (const tokenId of [card, phone, watch]) expect(book.accountOf(tokenId, 5, null)).toBe('person-1');
    const both = createMediaBook([link(phone, 'person-1'), link(card, 'person-2')], words);
    expect([card, phone, watch].map((tokenId) => both.accountOf(tokenId, 5, null))).toEqual([
      'person-2',
      'person-1',
      'person-2',
    ]);
  });

  it('are strangers to cards of another account, and neither order nor repetition of the words matters', () => {
    const word = fc.record({
      tokenId: fc.constantFrom(card, phone, watch, token(14)),
      par: fc.constantFrom(PAR, '5413KVYTOK0000000000000000002'),
      knownFromMs: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), fc.integer({ min: 0, max: 6 }), (words, known) => {
        const ask = (said: MediumSuccession[]) => {
          const book = createMediaBook([link(watch, 'person-9')], said);
          return [card, phone, watch, token(14)].map((tokenId) => book.accountOf(tokenId, 5, known));
        };
        expect(ask([...words].reverse())).toEqual(ask(words));
        expect(ask([...words, ...words])).toEqual(ask(words));
      }),
      { numRuns: 1000 },
    );
  });
});
