/** The desks that speak with whoever holds the money of bank cards: made where the city names them and this engine has the addresses. */
import type pg from 'pg';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import type { MoneyHolders } from '../bank/post-payment.ts';
import type { FareEngineConfig } from '../config.ts';
import { type BankOffice, createBankOffice } from './bank-office.ts';
import { createDebtDesk, type DebtDesk } from './debt-desk.ts';
import { createHttpAcquirer } from './http-acquirer.ts';
import { createHttpPaymentProvider } from './http-payment-provider.ts';
import type { BankBooks } from './postgres-bank.ts';

/** The acquirer's answers are waited for so long. */
const ACQUIRER_MS_MAX = 15_000;
/** The payment provider's: a rider is waiting too. */
const PROVIDER_MS_MAX = 10_000;

export interface DeskDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly probe?: Probe;
}

/** `null` = this engine asks no bank. */
export function openBankOffice(
  config: FareEngineConfig,
  pool: pg.Pool,
  deps: DeskDeps,
  { holders, ...agreed }: Omit<BankBooks, 'holders'> & { readonly holders: MoneyHolders | null },
): BankOffice | null {
  if (holders === null || config.acquirer === undefined) return null;
  const { clock, log, probe = noProbe } = deps;
  return createBankOffice({
    pool,
    acquirer: createHttpAcquirer({ ...config.acquirer, timeoutMs: ACQUIRER_MS_MAX }),
    books: { ...agreed, holders },
    nowMs: () => clock.nowMs(),
    log,
    probe,
  });
}

/** `null` = this engine takes no debts through a payment provider. */
export function openDebtDesk(
  config: FareEngineConfig,
  pool: pg.Pool,
  deps: DeskDeps,
  holders: MoneyHolders | null,
): DebtDesk | null {
  if (holders === null || config.payments === undefined) return null;
  const { publicUrl, ...remote } = config.payments;
  const { clock, log, probe = noProbe } = deps;
  return createDebtDesk({
    pool,
    provider: createHttpPaymentProvider({ ...remote, timeoutMs: PROVIDER_MS_MAX }),
    holders,
    publicUrl,
    nowMs: () => clock.nowMs(),
    log,
    probe,
  });
}
