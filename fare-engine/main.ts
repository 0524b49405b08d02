/**
 * The fare engine: pricing workers over inbox and queue, and an office worker for commands, closes and the deny list.
 * See README.md.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type pg from 'pg';
import { type City, loadCity } from '#platform/city-data.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import { createMetrics } from '#platform/metrics.ts';
import { connectMqtt, type MqttConnection } from '#platform/mqtt-connection.ts';
import { pause } from '#platform/pause.ts';
import { databaseProblems, registerPool } from '#platform/pool-metrics.ts';
import { createPool } from '#platform/postgres.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import type { Role, Vitals } from '#platform/role.ts';
import { schemaFence } from '#platform/schema-fence.ts';
import { lateTapAcceptMs } from '#pricing/close-rules.ts';
import { createFareCalendar, type FareCalendar } from '#pricing/fare-day.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import { stateText } from '#pricing/state-text.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { placesOf } from './adapters/approval-files.ts';
import { type AuditSequencer, createAuditSequencer } from './adapters/audit-sequencer.ts';
import type { BankOffice } from './adapters/bank-office.ts';
import { workBreakdowns } from './adapters/breakdown-queue.ts';
import { signatureSchemes } from './adapters/cades-scheme.ts';
import { closeEndedDays } from './adapters/close-scheduler.ts';
import type { DebtDesk } from './adapters/debt-desk.ts';
import {
  createDenyListPublisher,
  type DenyListPublisher,
  PUBLISHER_LOCK,
} from './adapters/deny-list-publisher.ts';
import { emptyImportStage } from './adapters/import-store.ts';
import { createLeaderLock } from './adapters/leader-lock.ts';
import { type LiveTariffs, openLiveTariffs } from './adapters/live-tariffs.ts';
import { loadMoneyHolders } from './adapters/load-money-holders.ts';
import { openBankOffice, openDebtDesk } from './adapters/money-desks.ts';
import { createPostgresClockStore } from './adapters/postgres-clock.ts';
import { refuseFirstCommand, workCommands } from './adapters/postgres-commands.ts';
import { createPostgresFareStore } from './adapters/postgres-fare-store.ts';
import { requeueStuck } from './adapters/postgres-start.ts';
import { readBacklog } from './adapters/read-backlog.ts';
import { workShifts } from './adapters/shift-queue.ts';
import { workSuccessions } from './adapters/succession-queue.ts';
import { createSumFolder, foldTask, type SumFolder } from './adapters/sum-folder.ts';
import { createTariffListPublisher, type TariffListPublisher } from './adapters/tariff-list-publisher.ts';
import { requireTransactionOrder } from './adapters/transaction-order.ts';
import { termsBook } from './bank/bank-terms.ts';
import { DEFAULT_LIMITS, type FareEngineConfig, type FareEngineLimits } from './config.ts';
import type { Pricer } from './ports.ts';
import type { SettlementTerms } from './settle-commands.ts';
import { fareVitals, measuredTasks } from './vitals.ts';
import { ChunkFailed, type WorkDeps, type WorkRules, workInbox, workQueue } from './work-chunk.ts';
import { workClock } from './work-clock.ts';
import { startWorker, type Task, type Worker } from './worker.ts';

export interface FareEngineDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Named points: `fare.after-claim`, `fare.before-commit`, `fare.after-commit`, `bank.asked`, `bank.answered`,
   * `bank.before-commit`, `debt.asked`, `debt.answered`.
   */
  readonly probe?: Probe;
}

/** The pricing leaf with a city's tariffs, or as they are at each moment, and its calendar. */
export function createPricer(
  tariffs: TariffTimeline | (() => TariffTimeline),
  calendar: FareCalendar,
): Pricer {
  const now = typeof tariffs === 'function' ? tariffs : () => tariffs;
  return {
    price: (stateIn, day) => priceAccountDay(stateIn, day, now(), calendar),
    stateText,
    lateTapAcceptMs: (tap, knownAsOfMs) => lateTapAcceptMs(tap, now(), knownAsOfMs),
  };
}

/**
 * Starts the fare engine on a migrated database. The broker may be away; it is waited for in the background.
 * @throws OperatorError CITY_DATA_INVALID, BANK_TERMS_MOVED, TARIFF_INVALID, TARIFF_UNSIGNED, OFFICERS_INVALID, TARIFF_CHANGED, TARIFF_MISSING, TARIFF_OVERLAP, TRANSACTIONS_BEHIND, SCHEMA_OTHER_VERSION; and when the database cannot be reached at the start.
 */
export async function startFareEngine(config: FareEngineConfig, deps: FareEngineDeps): Promise<Role> {
  const limits = { ...DEFAULT_LIMITS, ...config.limits };
  const { city } = loadCity(config.cityDir);
  const holders = loadMoneyHolders(config.cityDir);
  const calendar = createFareCalendar(city.zone, city.dayStart);
  const rules: WorkRules = {
    attemptsMax: limits.attemptsMax,
    clock: city.clock,
    days: calendar,
    stopCountsFromPct: city.stops?.countsFromPct ?? 0,
    get lateTapAcceptS() {
      return live.lateTapAcceptS();
    },
  };
  const pool = createPool({
    url: config.postgresUrl,
    applicationName: 'kvytok-fare-engine',
    // Beside the pricing workers: office, deny list and its lock, audit log and its lock, sums and their lock, snapshot, one to
    // spare for looking; bank desk and debt desk: their locks, and payments taken on at once.
    max:
      limits.workers + 9 + (config.acquirer === undefined ? 0 : 5) + (config.payments === undefined ? 0 : 3),
    verify: schemaFence({ schema: 'fare', dir: join(import.meta.dirname, 'migrations') }),
    log: deps.log,
  });
  let live: LiveTariffs;
  try {
    await requireTransactionOrder(pool);
    live = await openLiveTariffs({
      pool,
      dir: join(config.cityDir, 'tariff'),
      cityId: city.id,
      places: config.approvals ?? placesOf(config.cityDir),
      days: calendar,
      clock: deps.clock,
      log: deps.log,
    });
    await emptyImportStage(pool);
    const again = await requeueStuck(pool);
    if (again > 0) deps.log.warn({ rows: again }, 'fare.stuck.again');
  } catch (error) {
    await pool.end();
    throw error;
  }
  const mqtt = config.lists === undefined ? null : connect(config.lists, deps.log);
  const work = {
    store: createPostgresFareStore(pool, live.facts),
    pricer: createPricer(() => live.plan().timeline, calendar),
    rules,
    clock: deps.clock,
    probe: deps.probe ?? noProbe,
    draw: randomUUID,
  };
  const terms = {
    city,
    get tariffs() {
      return live.plan().timeline;
    },
    schemes: signatureSchemes(config.signatureTrustDir),
  };
  const metrics = createMetrics();
  registerPool(metrics, 'kvytok_fare', pool);
  // Real time: a simulated city's clock may run faster than the database.
  const measured = measuredTasks(metrics, () => performance.now());
  const workers = [
    ...Array.from({ length: limits.workers }, () =>
      start(measured(pricingTasks(work, limits)), limits, deps.log),
    ),
    start(measured(officeTasks({ pool, limits, rules, terms, live, deps })), limits, deps.log),
  ];
  const publisher = publisherOf(config, mqtt, pool, deps, {
    city,
    packages: live.told,
  });
  // A worker of its own: a large snapshot on its way to a slow broker must not keep commands waiting.
  if (publisher) workers.push(start(measured(listTasks(publisher, limits, deps.clock)), limits, deps.log));
  const sequencer = sequencerOf(config, city, pool, deps);
  if (sequencer) workers.push(start(measured(auditTasks(sequencer, limits, deps.clock)), limits, deps.log));
  const folder = createSumFolder(pool);
  workers.push(start(measured([foldTask(folder, limits, deps.clock)]), limits, deps.log));
  const bank = openBankOffice(config, pool, deps, {
    holders,
    terms: termsBook(() => live.plan().timeline, calendar),
    tariffFacts: live.facts,
  });
  if (bank) workers.push(start(measured(bankTasks(bank, limits, deps.clock)), limits, deps.log));
  const debts = openDebtDesk(config, pool, deps, holders);
  if (debts) workers.push(start(measured(debtTasks(debts, limits, deps.clock)), limits, deps.log));
  const vitals = fareVitals(metrics, {
    backlog: () => readBacklog(pool, deps.clock.nowMs()),
    databaseProblems: () => databaseProblems(pool),
    listsConnected: () => mqtt?.connected ?? null,
  });
  const packages = live.plan().timeline.packages.length;
  deps.log.info({ packages, workers: limits.workers }, 'fare.started');
  return roleOf(workers, { mqtt, publisher, sequencer, folder, bank, debts, pool }, vitals);
}

function roleOf(
  workers: readonly Worker[],
  parts: {
    mqtt: MqttConnection | null;
    publisher: ListPublishers | null;
    sequencer: AuditSequencer | null;
    folder: SumFolder;
    bank: BankOffice | null;
    debts: DebtDesk | null;
    pool: pg.Pool;
  },
  vitals: Vitals,
): Role {
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all([parts.folder.interrupt(), ...workers.map((worker) => worker.stop())]);
    await parts.mqtt?.stop();
    await parts.publisher?.denials.stop();
    await parts.sequencer?.stop();
    await parts.folder.stop();
    await parts.bank?.stop();
    await parts.debts?.stop();
    await parts.pool.end();
  };
  return {
    name: 'fare-engine',
    vitals,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

function start(tasks: Task[], limits: FareEngineLimits, log: Logger): Worker {
  return startWorker({ tasks, log, wait: pause, idleMs: limits.idleMs });
}

/** Inbox and queue as a worker's tasks. */
export function pricingTasks(work: WorkDeps, limits: FareEngineLimits): Task[] {
  const setAside = async (error: Error, tries: number): Promise<void> => {
    // Only a row that failed alone is known to be the cause.
    const [only, ...others] = error instanceof ChunkFailed ? error.inboxIds : [];
    if (only === undefined || others.length > 0) return;
    await work.store.setInboxRowAside(only, error.message, tries, work.clock.nowMs());
  };
  return [
    {
      name: 'inbox',
      rowsMax: limits.inboxRowsMax,
      turn: async (rowsMax) => (await workInbox(work, rowsMax)).claimed,
      setAside,
    },
    {
      name: 'queue',
      rowsMax: limits.queueRowsMax,
      turn: async (rowsMax) => (await workQueue(work, rowsMax)).claimed,
    },
  ];
}

function officeTasks(office: {
  pool: pg.Pool;
  limits: FareEngineLimits;
  rules: WorkRules;
  terms: SettlementTerms;
  live: LiveTariffs;
  deps: FareEngineDeps;
}): Task[] {
  const { pool, limits, rules, live, deps } = office;
  const { clock, log } = deps;
  const clockStore = createPostgresClockStore(pool);
  return [
    {
      name: 'commands',
      rowsMax: limits.commandRowsMax,
      turn: async (rowsMax) => {
        const outcome = await workCommands(pool, rules.days, clock, rowsMax, office.terms);
        if (outcome.refused > 0) log.warn({ refused: outcome.refused }, 'fare.commands.refused');
        return outcome.claimed;
      },
      setAside: (error) => refuseFirstCommand(pool, error.message, clock.nowMs()),
    },
    {
      name: 'clock',
      rowsMax: limits.queueRowsMax,
      turn: async (rowsMax) => {
        const outcome = await workClock(clockStore, rules, rowsMax);
        if (outcome.moved > 0) log.info({ taps: outcome.moved }, 'fare.clock.settled');
        return outcome.claimed;
      },
    },
    everyMs('tariffs', limits.tariffsEveryMs, clock, () => live.refresh()),
    everyMs(
      'shifts',
      limits.shiftsEveryMs,
      clock,
      async () => void (await workShifts(pool, limits.shiftRowsMax)),
    ),
    everyMs(
      'media',
      limits.shiftsEveryMs,
      clock,
      async () => void (await workSuccessions(pool, limits.shiftRowsMax)),
    ),
    everyMs(
      'breakdowns',
      limits.shiftsEveryMs,
      clock,
      async () => void (await workBreakdowns(pool, rules, limits.shiftRowsMax)),
    ),
    everyMs('closes', limits.officeEveryMs, clock, async () => {
      const fareDay = await closeEndedDays(pool, rules, clock.nowMs());
      if (fareDay !== null) log.info({ fareDay }, 'fare.day.closing');
    }),
  ];
}

/** Both lists are published by whoever holds one lock. */
interface ListPublishers {
  readonly denials: DenyListPublisher;
  readonly tariffs: TariffListPublisher;
}

function publisherOf(
  config: FareEngineConfig,
  mqtt: MqttConnection | null,
  pool: pg.Pool,
  { clock, log, probe = noProbe }: FareEngineDeps,
  told: Pick<Parameters<typeof createTariffListPublisher>[0], 'city' | 'packages'>,
): ListPublishers | null {
  if (config.lists === undefined || mqtt === null) return null;
  const shared = { pool, mqtt, signer: config.lists.signer, clock, log };
  const lock = createLeaderLock(pool, PUBLISHER_LOCK);
  return {
    denials: createDenyListPublisher({ ...shared, lock, probe }),
    tariffs: createTariffListPublisher({ ...shared, ...told, lock }),
  };
}

function bankTasks(bank: BankOffice, limits: FareEngineLimits, clock: Clock): Task[] {
  return [everyMs('bank', limits.bankEveryMs, clock, async () => void (await bank.turn()))];
}

/** Oftener than the bank is asked: somebody sits before the page. */
function debtTasks(desk: DebtDesk, limits: FareEngineLimits, clock: Clock): Task[] {
  return [everyMs('debts', limits.debtsEveryMs, clock, async () => void (await desk.turn()))];
}

function sequencerOf(
  config: FareEngineConfig,
  city: City,
  pool: pg.Pool,
  { clock, log }: FareEngineDeps,
): AuditSequencer | null {
  if (config.auditKeys === undefined || city.audit === undefined) {
    log.warn({ keys: config.auditKeys !== undefined }, 'fare.audit.not-sealed-here');
    return null;
  }
  const { origin } = city.audit;
  return createAuditSequencer(pool, { origin, privateKeys: config.auditKeys }, clock);
}

/** A worker of its own: neither a long backlog of leaves nor a slow signature keeps commands waiting. */
function auditTasks(sequencer: AuditSequencer, limits: FareEngineLimits, clock: Clock): Task[] {
  let dueMs = Number.NEGATIVE_INFINITY;
  return [
    {
      name: 'audit',
      rowsMax: limits.auditLeavesMax,
      turn: async (leavesMax) => {
        if (clock.monotonicMs() < dueMs) return 0;
        const taken = await sequencer.turn(leavesMax);
        // A full portion has more behind it: the next turn follows at once.
        if (taken < leavesMax) dueMs = clock.monotonicMs() + limits.auditEveryMs;
        return taken;
      },
    },
  ];
}

function listTasks(
  { denials, tariffs }: ListPublishers,
  { officeEveryMs }: FareEngineLimits,
  clock: Clock,
): Task[] {
  return [
    everyMs('deny-list', officeEveryMs, clock, async () => void (await denials.turn())),
    everyMs('tariff-extract', officeEveryMs, clock, () => tariffs.turn()),
  ];
}

/** A task that has a turn now and then only; measured in real time, whatever speed the city's clock has. */
function everyMs(name: string, periodMs: number, clock: Clock, work: () => Promise<void>): Task {
  let lastMs = Number.NEGATIVE_INFINITY;
  return {
    name,
    rowsMax: 1,
    turn: async () => {
      const nowMs = clock.monotonicMs();
      if (nowMs - lastMs < periodMs) return 0;
      lastMs = nowMs;
      await work();
      return 0;
    },
  };
}

function connect(lists: NonNullable<FareEngineConfig['lists']>, log: Logger): MqttConnection {
  const { mqttUrl: url, mqttClientId: clientId, mqttSecret: secret, mqttTls: tls } = lists;
  return connectMqtt({ url, clientId, secret, tls, log });
}
