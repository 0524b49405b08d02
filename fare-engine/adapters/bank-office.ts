/** The fare engine's bank desk: plans what is due and takes payments on, one engine at a time. */
import type pg from 'pg';
import type { Logger } from '#platform/logger.ts';
import { type Acquirer, AcquirerRefused, AcquirerSilent, type Chargeback } from '../bank/acquirer.ts';
import { standingOf } from '../bank/payment.ts';
import { type PaymentDeps, type PaymentStore, workPayment } from '../bank/work-payment.ts';
import { LAST_CHARGEBACK, PAYMENT_OF_CLEARING } from './bank-statements.ts';
import { createLeaderLock } from './leader-lock.ts';
import { type BankBooks, createPaymentStore, duePayments, planBank, putOff } from './postgres-bank.ts';

/** Advisory lock of the engine that speaks with the acquirer. */
const BANK_LEADER = 0x6b76626c;
/** Requests on their way at once. */
const ASKED_AT_ONCE = 8;
const PAYMENTS_MAX = 64;
const CARDS_MAX = 200;

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
  const deps = { store: createPaymentStore(pool, books), acquirer, terms: books.terms, nowMs, probe };
  const take = async (paymentId: string): Promise<void> => {
    try {
      await workPayment(paymentId, deps);
    } catch (error) {
      if (!(error instanceof AcquirerSilent || error instanceof AcquirerRefused)) throw error;
      const level = error instanceof AcquirerRefused ? 'error' : 'warn';
      log[level]({ paymentId, problem: error.message }, 'fare.bank.no-answer');
      await putOff(pool, paymentId, nowMs());
    }
  };
  const chargebacks = createChargebackDesk({ ...options, store: deps.store });
  return {
    async turn() {
      if (!(await lock.held())) return 0;
      await chargebacks();
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

/** Chargebacks are asked for so often, by the city's clock. */
const CHARGEBACKS_EVERY_MS = 60_000;

/** Takes in what banks have taken back: the rider owes it again. One that does not fit is left to the reconciliation. */
function createChargebackDesk({
  pool,
  acquirer,
  nowMs,
  log,
  store,
}: {
  readonly pool: pg.Pool;
  readonly acquirer: Acquirer;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly store: PaymentStore;
}): () => Promise<void> {
  let askedMs = Number.NEGATIVE_INFINITY;
  let passed = 0;
  const take = async ({ n, reference, code, amountMinor, currency }: Chargeback): Promise<void> => {
    const { rows } = await pool.query<{ payment_id: string }>(PAYMENT_OF_CLEARING, [reference]);
    const file = rows[0] === undefined ? null : await store.load(rows[0].payment_id);
    const standing = file === null ? null : standingOf(file.payment, file.events);
    const whole = file?.payment.amountMinor === amountMinor && file.payment.currency === currency;
    if (file !== null && whole && standing?.phase === 'done' && standing.how === 'cleared') {
      const event = { kind: 'charged-back', key: String(n), code, reference, amountMinor: null } as const;
      await store.append(file, { ...event, atMs: nowMs() });
    } else log.error({ chargeback: n, reference }, 'fare.bank.chargeback-does-not-fit');
    passed = Math.max(passed, n);
  };
  return async () => {
    if (nowMs() - askedMs < CHARGEBACKS_EVERY_MS) return;
    askedMs = nowMs();
    const { rows } = await pool.query<{ n: number }>(LAST_CHARGEBACK);
    try {
      for (const one of await acquirer.chargebacks(Math.max(passed, rows[0]?.n ?? 0))) await take(one);
    } catch (error) {
      if (!(error instanceof AcquirerSilent || error instanceof AcquirerRefused)) throw error;
      log.warn({ problem: error.message }, 'fare.bank.no-chargebacks');
    }
  };
}
