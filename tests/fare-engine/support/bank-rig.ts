/** The fare engine's bank desk on real PostgreSQL with the sandbox acquirer behind HTTP. */
import { createLogger } from '#platform/logger.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import { type BankOffice, createBankOffice } from '../../../fare-engine/adapters/bank-office.ts';
import { createHttpAcquirer } from '../../../fare-engine/adapters/http-acquirer.ts';
import type { BankBooks } from '../../../fare-engine/adapters/postgres-bank.ts';
import { workCommands } from '../../../fare-engine/adapters/postgres-commands.ts';
import { openCard } from '../../../simulators/acquirer/open-sealed.ts';
import { type SandboxAcquirer, startSandboxAcquirer } from '../../../simulators/acquirer/sandbox.ts';
import { type RowWish, tapRow, token } from './a-record.ts';
import { BOOKS } from './bank-terms.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from './engine-database.ts';
import { ACQUIRER_KEY_ID, acquirerKeys, sealedCard } from './sealed-card.ts';
import { command } from './submit.ts';

export interface BankRig {
  readonly engine: EngineDatabase;
  readonly sandbox: SandboxAcquirer;
  office(probe?: Probe): BankOffice;
  /** The desk that leads until it is stopped. */
  readonly main: BankOffice;
  /** A tap of bank card n, whose account at its bank is a number of its own. */
  tap(
    n: number,
    seq: number,
    atMs: number,
    options?: { par?: string; parProven?: boolean; pan?: number },
  ): RowWish;
  /** The account of card n at its bank. */
  account(n: number): SandboxAcquirer['issuer'] extends { accountOf: (a: string) => infer A } ? A : never;
  /** Turns of the desk, and commands obeyed, until nothing is left to do at this instant. */
  settle(office?: BankOffice): Promise<void>;
  /** Closes a fare day as the office does, after the clock has passed its end. */
  close(fareDay: string): Promise<void>;
  /** Token, kinds of events and codes of all payments of card n. */
  story(n: number): Promise<string[]>;
  /** The last word on card n of the deny list: `deny <reason>`, `allow`, `never`. */
  denied(n: number): Promise<string>;
  /** Balances by account name; riders of card n as `rider`. */
  balance(account: string): Promise<bigint>;
  stop(): Promise<void>;
}

export async function openBankRig(books: BankBooks = BOOKS): Promise<BankRig> {
  const engine = await openEngineDatabase();
  const { publicKey, privateKey } = acquirerKeys();
  const keys = new Map([[ACQUIRER_KEY_ID, privateKey]]);
  const sandbox = await startSandboxAcquirer({ keys, token: 'rig', nowMs: () => engine.clock.nowMs() });
  const acquirer = createHttpAcquirer({ url: sandbox.url, token: 'rig', timeoutMs: 60_000 });
  const log = createLogger({ component: 'test-bank', level: 'silent' });
  const panOf = (n: number) => (4_761_739_001_000_000 + n).toString();
  const offices: BankOffice[] = [];
  const make = (probe: Probe = noProbe): BankOffice => {
    const made = createBankOffice({
      pool: engine.pool,
      acquirer,
      books,
      nowMs: () => engine.clock.nowMs(),
      log,
      probe,
    });
    offices.push(made);
    return made;
  };
  const main = make();
  return {
    engine,
    sandbox,
    office: make,
    main,
    tap: (n, seq, atMs, { par, parProven = false, pan = n } = {}) =>
      tapRow({
        device: `val-${n}`,
        vehicleId: `bus-${n}-${seq}`,
        seq,
        atMs,
        token: token(n),
        bank: {
          ...(par !== undefined && { par, parProven }),
          oda: 'cda',
          authorisation: sealedCard(publicKey, panOf(pan), par === undefined ? {} : { par }),
          acquirerKeyId: ACQUIRER_KEY_ID,
        },
      }),
    account: (n) =>
      sandbox.issuer.accountOf(
        openCard(sealedCard(publicKey, panOf(n)), ACQUIRER_KEY_ID, privateKey).account,
      ) as never,
    settle: async (office = main) => {
      const turn = async (): Promise<number> =>
        (await office.turn()) + (await workCommands(engine.pool, calendar, engine.clock, 100)).claimed;
      while ((await turn()) > 0) await engine.drain();
    },
    close: async (fareDay) => {
      const endMs = calendar.endOfMs(fareDay);
      if (engine.clock.nowMs() < endMs) engine.clock.setWall(endMs + 60_000);
      await command(engine, 'close-day', { fareDay });
      await engine.drain();
    },
    story: async (n) => {
      const { rows } = await engine.admin.query<{ line: string }>(
        `SELECT p.kind || ' ' || p.amount_minor || ': ' || coalesce(string_agg(e.kind || coalesce(' ' || e.code, ''), ', '
           ORDER BY e.n), '') AS line
         FROM fare.bank_payment p LEFT JOIN fare.bank_event e USING (payment_id) WHERE p.token_id = $1
         GROUP BY p.payment_id ORDER BY p.made_at_ms, p.kind DESC`,
        [token(n)],
      );
      return rows.map(({ line }) => line);
    },
    denied: async (n) => {
      const { rows } = await engine.admin.query<{ word: string }>(
        `SELECT action || ' ' || coalesce(reason, '') AS word FROM fare.deny_entry WHERE token_id = $1
         ORDER BY known_from_ms DESC LIMIT 1`,
        [token(n)],
      );
      return rows[0]?.word.trim() ?? 'never';
    },
    balance: async (account) => {
      const { rows } = await engine.admin.query<{ balance: bigint }>(
        `SELECT coalesce(sum(CASE WHEN debit_account LIKE $1 THEN amount_minor ELSE -amount_minor END), 0)::bigint AS balance
         FROM fare.posting WHERE debit_account LIKE $1 OR credit_account LIKE $1`,
        [account],
      );
      return rows[0]?.balance ?? 0n;
    },
    stop: async () => {
      await Promise.all(offices.map((office) => office.stop()));
      await sandbox.stop();
      await engine.close();
    },
  };
}
