/** The debt desk: begins the payments that riders ask for on the page, and takes each on; one engine at a time. */
import type pg from 'pg';
import { wholeReference } from '#contracts/debt-reference.ts';
import { formatMoney } from '#contracts/money.ts';
import type { Logger } from '#platform/logger.ts';
import type { DebtPayment } from '../bank/debt-payment.ts';
import type { PaymentProvider } from '../bank/payment-provider.ts';
import type { MoneyHolders } from '../bank/post-payment.ts';
import { type DebtPaymentDeps, workDebtPayment } from '../bank/work-debt-payment.ts';
import {
  CLAIM_REQUESTS,
  DUE_DEBT_PAYMENTS,
  LOOK_AT_DEBT_PAYMENT,
  PUT_OFF_DEBT_PAYMENT,
} from './debt-payment-statements.ts';
import { createLeaderLock } from './leader-lock.ts';
import { beginDebtPayment, createDebtPaymentStore, latestDebtPayment } from './postgres-debt-payments.ts';

/** Advisory lock of the engine that speaks with the payment provider. */
const DEBT_LEADER = 0x6b766470;
const REQUESTS_MAX = 50;
const PAYMENTS_MAX = 50;
const ASKED_AT_ONCE = 4;
const BACKOFF_MS_MAX = 300_000;

export interface DebtDesk {
  /** Works off what is due; returns how much there was. */
  turn(): Promise<number>;
  stop(): Promise<void>;
}

export interface DebtDeskOptions {
  readonly pool: pg.Pool;
  readonly provider: PaymentProvider;
  readonly holders: MoneyHolders;
  /** Public address of the portal, without a slash at its end. */
  readonly publicUrl: string;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly probe: DebtPaymentDeps['probe'];
}

const DESCRIPTION = {
  uk: 'Борг за поїздки банківською карткою',
  en: 'Debt for rides with a bank card',
  de: 'Schuld für Fahrten mit einer Bankkarte',
  pl: 'Dług za przejazdy kartą bankową',
} as const;

export function createDebtDesk(options: DebtDeskOptions): DebtDesk {
  const { pool, provider, holders, publicUrl, nowMs, log, probe } = options;
  const lock = createLeaderLock(pool, DEBT_LEADER);
  const deps: DebtPaymentDeps = {
    store: createDebtPaymentStore(pool, holders),
    provider,
    nowMs,
    returnUrl: ({ reference, language }: DebtPayment) =>
      `${publicUrl}/debt/${wholeReference(reference)}/payment?lang=${language}&back=1`,
    description: ({ language, amountMinor, currency }) =>
      `${DESCRIPTION[language]}, ${formatMoney({ amountMinor, currency }, language)}`,
    probe,
  };
  const take = async (debtPaymentId: string): Promise<void> => {
    const turned = await workDebtPayment(debtPaymentId, deps);
    if (turned.outcome === 'rests') return;
    const level = turned.outcome === 'silent' ? 'warn' : 'error';
    log[level]({ debtPaymentId, problem: turned.why }, 'fare.debt.no-answer');
    await pool.query(PUT_OFF_DEBT_PAYMENT, [debtPaymentId, nowMs(), BACKOFF_MS_MAX]);
  };
  return {
    async turn() {
      if (!(await lock.held())) return 0;
      const asked = await pool.query<Request>(CLAIM_REQUESTS, [REQUESTS_MAX]);
      for (const request of asked.rows) await obey(options, request);
      const { rows } = await pool.query<{ debt_payment_id: string }>(DUE_DEBT_PAYMENTS, [
        nowMs(),
        PAYMENTS_MAX,
      ]);
      const waiting = rows.map((row) => row.debt_payment_id);
      const count = waiting.length;
      const hand = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await take(next);
      };
      await Promise.all(Array.from({ length: Math.min(ASKED_AT_ONCE, count) }, hand));
      return asked.rows.length + count;
    },
    stop: () => lock.release(),
  };
}

interface Request {
  readonly kind: 'pay' | 'look';
  /** A reference, or the id of a payment that a call named. */
  readonly subject: string;
  readonly language: DebtPayment['language'];
}

async function obey(
  { pool, holders, nowMs, log }: DebtDeskOptions,
  { kind, subject, language }: Request,
): Promise<void> {
  if (kind === 'pay') {
    const begun = await beginDebtPayment(pool, { reference: subject, language }, holders, nowMs());
    log.info({ begun }, 'fare.debt.payment-wished');
    return;
  }
  const id = subject.startsWith('dp-')
    ? subject
    : (await latestDebtPayment(pool, subject))?.payment.debtPaymentId;
  if (id !== undefined) await pool.query(LOOK_AT_DEBT_PAYMENT, [id, nowMs()]);
}
