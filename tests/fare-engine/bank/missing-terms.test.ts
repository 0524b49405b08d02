import { expect, it } from 'vitest';
import { createMissingTermsWatch } from '../../../fare-engine/adapters/missing-terms.ts';
import type { BankTerms } from '../../../fare-engine/bank/bank-terms.ts';
import { manualClock } from '../../support/manual-clock.ts';

it('says at once, and once an hour, that no package has terms of bank cards, and no more when one has', () => {
  const clock = manualClock(0);
  const said: unknown[][] = [];
  let terms: BankTerms | null = null;
  const look = createMissingTermsWatch({ of: () => terms }, 'acq', () => clock.nowMs(), {
    warn: (...words: unknown[]) => void said.push(words),
  });
  look();
  clock.advance(3_599_999);
  look();
  expect(said).toEqual([[{ acquirerId: 'acq', file: 'bank-terms.yaml' }, 'fare.bank.no-terms']]);
  clock.advance(1);
  look();
  expect(said).toHaveLength(2);
  terms = {} as BankTerms;
  clock.advance(3_600_000);
  look();
  expect(said).toHaveLength(2);
});
