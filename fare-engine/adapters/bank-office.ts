/** The fare engine's bank desk: plans what is due and takes payments on, one engine at a time. */
import type pg from 'pg';
import type { Logger } from '#platform/logger.ts';
import { type Acquirer, AcquirerRefused, AcquirerSilent } from '../bank/acquirer.ts';
import { standingOf } from '../bank/payment.ts';
import { type PaymentDeps, workPayment } from '../bank/work-payment.ts';
import { createChargebackDesk } from './chargeback-desk.ts';
import { createEndedDenials } from './ended-denials.ts';
import { createLeaderLock } from './leader-lock.ts';
import { createMissingTermsWatch } from './missing-terms.ts';
import {
  type BankBooks,
  createPaymentStore,
  duePayments,
  NOTHING_SAID,
  planBank,
  putOff,
  putOffRefused,
} from './postgres-bank.ts';

/** Advisory lock of the engine that speaks with the acquirer. */
const BANK_LEADER = 0x6b76626c;
/** Requests on their way at once. */
const ASKED_AT_ONCE = 8;
const PAYMENTS_MAX = 64;
const CARDS_MAX = 200;
/** A request that the acquirer would not take so often in a row (half an hour) waits for a person. */
const REFUSALS_MAX = 6;

export interface BankOffice {
  /** Works off what is due; returns how much there was. */
  turn(): Promise<number>;
  stop(): Promise<void>;
}

export function createBankOffice(options: {
  readonly pool: pg.Pool;
  readonly acquirer: Acquirer;
  readonly books: BankBooks;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly probe: PaymentDeps['probe'];
}): BankOffice {
  const { pool, acquirer, books, nowMs, log, probe } = options;
  const lock = createLeaderLock(pool, BANK_LEADER);
  const deps = { store: createPaymentStore(pool, books, probe), acquirer, terms: books.terms, nowMs, probe };
  const take = async (paymentId: string): Promise<void> => {
    try {
      await workPayment(paymentId, deps);
    } catch (error) {
      if (!(error instanceof AcquirerSilent || error instanceof AcquirerRefused)) throw error;
      const refused = error instanceof AcquirerRefused;
      log[refused ? 'error' : 'warn']({ paymentId, problem: error.message }, 'fare.bank.no-answer');
      if (!refused) return putOff(pool, paymentId, nowMs());
      if ((await putOffRefused(pool, paymentId, nowMs())) >= REFUSALS_MAX) await giveUp(paymentId, error);
    }
  };
  const giveUp = async (paymentId: string, { code }: AcquirerRefused): Promise<void> => {
    const file = await deps.store.load(paymentId);
    const standing = file === null ? null : standingOf(file.payment, file.events);
    if (file === null || standing?.phase !== 'asking') return;
    const event = { ...NOTHING_SAID, kind: 'refused', key: standing.key, code, atMs: nowMs() } as const;
    await deps.store.append(file, event);
    log.error({ paymentId, code }, 'fare.bank.refused');
  };
  const chargebacks = createChargebackDesk(options);
  const endedDenials = createEndedDenials(pool, nowMs);
  const lookForTerms = createMissingTermsWatch(books.terms, books.holders.acquirerId, nowMs, log);
  return {
    async turn() {
      if (!(await lock.held())) return 0;
      lookForTerms();
      await chargebacks();
      await endedDenials();
      const cards = await planBank(pool, books, nowMs(), CARDS_MAX);
      const due = await duePayments(pool, nowMs(), PAYMENTS_MAX);
      const waiting = [...due];
      const hand = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await take(next);
      };
      await Promise.all(Array.from({ length: Math.min(ASKED_AT_ONCE, due.length) }, hand));
      return cards + due.length;
    },
    stop: () => lock.release(),
  };
}
