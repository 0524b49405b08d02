import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import {
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
