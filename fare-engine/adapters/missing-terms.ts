/** A city that names an acquirer, and whose packages say no terms of bank cards: nobody is asked for money, which has to be told. */
import type { Logger } from '#platform/logger.ts';
import type { TermsBook } from '../bank/bank-terms.ts';

/** It is said so often, by the city's clock, for as long as it is so. */
const SAID_EVERY_MS = 3_600_000;

/** Looks at the terms in force; where there are none, it warns: at once, and once an hour. */
export function createMissingTermsWatch(
  terms: TermsBook,
  acquirerId: string,
  nowMs: () => number,
  log: Pick<Logger, 'warn'>,
): () => void {
  let saidMs = Number.NEGATIVE_INFINITY;
  return () => {
    const now = nowMs();
    if (now - saidMs < SAID_EVERY_MS || terms.of(null, now) !== null) return;
    saidMs = now;
    log.warn({ acquirerId, file: 'bank-terms.yaml' }, 'fare.bank.no-terms');
  };
}
