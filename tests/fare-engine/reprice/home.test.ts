/** Who works on whom: what may be one account's is worked on in one place, with all facts that it needs. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { derivedAccountId } from '../../../fare-engine/facts/account-of.ts';
import type { MediaLink } from '../../../fare-engine/facts/facts.ts';
import type { MediumSuccession } from '../../../fare-engine/facts/media-book.ts';
import { factsOfShares, familiesOf, homesOf } from '../../../fare-engine/reprice/home.ts';
import type { RepriceFacts } from '../../../fare-engine/reprice/model.ts';

const ALWAYS = { validFromMs: 0, validUntilMs: null, knownFromMs: 0 };
const tokens = fc.integer({ min: 0, max: 11 }).map((n) => `k1.${n}`);
const accounts = fc.oneof(
  fc.integer({ min: 0, max: 7 }).map((n) => `person-${n}`),
  // Somebody's account may be the one that was derived from another card.
  tokens.map(derivedAccountId),
);
const links: fc.Arbitrary<MediaLink[]> = fc.array(
  fc.record({ tokenId: tokens, accountId: accounts }).map((one) => ({ linkId: 'l', ...ALWAYS, ...one })),
  { maxLength: 12 },
);
const successions: fc.Arbitrary<MediumSuccession[]> = fc.array(
  fc.oneof(
    fc.record({ tokenId: tokens, formerTokenId: tokens, knownFromMs: fc.constant(0) }),
    fc.record({ tokenId: tokens, replacesTokenId: tokens }).map((one) => ({
      ...one,
      ...{ ref: 'record', validFromMs: 0, saidMs: 0, knownFromMs: 0, stationWords: null },
    })),
    fc.record({ tokenId: tokens, par: fc.constantFrom('p1', 'p2'), knownFromMs: fc.constant(0) }),
  ),
  { maxLength: 6 },
);

function factsOf(
  known: { links: MediaLink[]; successions: MediumSuccession[] },
  ids: string[],
): RepriceFacts {
  const right = (accountId: string, n: number) => ({
    accountId,
    concessionId: 'c',
    ...ALWAYS,
    entitlementId: `r${n}`,
  });
  const entitlements = ids.map(right);
  return {
    ...{
      zone: 'Europe/Kyiv',
      dayStart: '04:00',
      packages: [],
      activations: new Map(),
      closes: [],
      repairs: [],
    },
    ...{ assignments: [], carriers: [], routes: [], shifts: [], breakdowns: [] },
    ...known,
    entitlements,
    revocations: entitlements.map(({ entitlementId }, n) => ({
      ...{ revocationId: `v${n}`, entitlementId, validUntilMs: 1, knownFromMs: 0 },
    })),
    passes: ids.map((accountId, n) => ({ passId: `p${n}`, accountId, fareProductId: 'pass', ...ALWAYS })),
  };
}

test('tokens of one family, and the accounts that they may stand for, are at home in one share', () => {
  fc.assert(
    fc.property(links, successions, fc.integer({ min: 1, max: 4 }), (known, joined, shares) => {
      const homes = homesOf(known, joined, shares);
      const familyOf = familiesOf(known, joined);
      const homeOfFamily = new Map<string, number>();
      for (let n = 0; n < 12; n++) {
        const home = homes.ofToken(`k1.${n}`);
        expect(home).toBeLessThan(shares);
        const family = familyOf(`k1.${n}`);
        expect(homeOfFamily.get(family) ?? home).toBe(home);
        homeOfFamily.set(family, home);
        expect(homes.ofAccount(derivedAccountId(`k1.${n}`))).toBe(home);
      }
      for (const { tokenId, accountId } of known)
        expect(homes.ofAccount(accountId)).toBe(homes.ofToken(tokenId));
    }),
    { numRuns: 1000 },
  );
});

test("each fact of people is one share's, and that one is where its tokens and accounts are at home", () => {
  fc.assert(
    fc.property(links, successions, fc.array(accounts, { maxLength: 8 }), (known, joined, ids) => {
      const facts = factsOf({ links: known, successions: joined }, ids);
      const homes = homesOf(known, joined, 3);
      const parts = factsOfShares(facts, homes, 3);
      for (const sort of ['links', 'successions', 'entitlements', 'revocations', 'passes'] as const) {
        const together = parts.flatMap((part): readonly unknown[] => part[sort]);
        expect(together.length).toBe(facts[sort].length);
        expect(new Set<unknown>(together)).toEqual(new Set<unknown>(facts[sort]));
      }
      for (const [share, part] of parts.entries()) {
        for (const { tokenId } of [...part.links, ...part.successions])
          expect(homes.ofToken(tokenId)).toBe(share);
        for (const { accountId } of [...part.entitlements, ...part.passes])
          expect(homes.ofAccount(accountId)).toBe(share);
        const own = new Set(part.entitlements.map(({ entitlementId }) => entitlementId));
        expect(part.revocations.every(({ entitlementId }) => own.has(entitlementId))).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});
