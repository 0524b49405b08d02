/** A bank desk in a process of its own that ends itself with kill -9 at a named point; argument: JSON. */
import { createLogger } from '#platform/logger.ts';
import { createPool } from '#platform/postgres.ts';
import { createBankOffice } from '../../../fare-engine/adapters/bank-office.ts';
import { createHttpAcquirer } from '../../../fare-engine/adapters/http-acquirer.ts';
import { killProbe } from '../../../simulators/faults/kill-probe.ts';
import { BOOKS } from './bank-terms.ts';

export interface BankChildOrder {
  readonly postgresUrl: string;
  readonly acquirerUrl: string;
  readonly token: string;
  readonly nowMs: number;
  /** `<point>:<n>` */
  readonly killAt: string;
}

const order = JSON.parse(process.argv[2] as string) as BankChildOrder;
const office = createBankOffice({
  pool: createPool({ url: order.postgresUrl, applicationName: 'test-bank-child', max: 3 }),
  acquirer: createHttpAcquirer({ url: order.acquirerUrl, token: order.token, timeoutMs: 60_000 }),
  books: BOOKS,
  nowMs: () => order.nowMs,
  log: createLogger({ component: 'test-bank-child', level: 'silent' }),
  probe: killProbe(order.killAt),
});
// The seat of who was killed before it is free once the database has noticed.
for (;;) await office.turn();
