/** The fare engine's figures and readiness. */
import type { Metrics } from '#platform/metrics.ts';
import type { Vitals } from '#platform/role.ts';
import type { Task } from './worker.ts';

/** What waits, as the database says at the moment of a scrape. */
export interface Backlog {
  readonly inbox: number;
  readonly queue: number;
  /** Shift records whose taps have not been looked for. */
  readonly shifts: number;
  readonly commands: number;
  /** Leaves of the audit log that have no number yet. */
  readonly leaves: number;
  readonly stuck: number;
  /** Payments of bank cards that the acquirer would not take: they wait for a person. */
  readonly bankRefused: number;
  /** Age of the oldest record in the inbox, milliseconds of city time; 0 when it is empty. */
  readonly oldestMs: number;
}

export interface FareSources {
  readonly backlog: () => Promise<Backlog>;
  readonly databaseProblems: () => Promise<readonly string[]>;
  /** `null` where this process publishes no lists. */
  readonly listsConnected: () => boolean | null;
}

/** Registers the figures in `metrics`, where the database's connections stand already. */
export function fareVitals(metrics: Metrics, sources: FareSources): Vitals {
  metrics.gauge(
    'kvytok_fare_waiting',
    'Rows that wait: records to be priced, account-days to be priced again, shifts, commands, leaves of the audit log, rows set aside, payments that the acquirer would not take.',
    async () => {
      const { oldestMs: _, bankRefused: bank_refused, ...waiting } = await sources.backlog();
      return Object.entries({ ...waiting, bank_refused }).map(([where, value]) => ({
        labels: { where },
        value,
      }));
    },
    ['where'],
  );
  metrics.gauge(
    'kvytok_fare_oldest_waiting_seconds',
    'Age of the oldest record that waits for its price, in city time.',
    async () => (await sources.backlog()).oldestMs / 1000,
  );
  return {
    metrics,
    async problems() {
      const lists =
        sources.listsConnected() === false ? ['not connected to the MQTT broker: no lists go out'] : [];
      return [...lists, ...(await sources.databaseProblems())];
    },
  };
}

/** Counts rows and notes durations of tasks' turns; turns without work are not noted. */
export function measuredTasks(
  metrics: Metrics,
  monotonicMs: () => number,
): (tasks: readonly Task[]) => Task[] {
  const rows = new Map<string, number>();
  const failures = new Map<string, number>();
  const byTask = (counts: ReadonlyMap<string, number>) => () =>
    [...counts].map(([task, value]) => ({ labels: { task }, value }));
  metrics.counter('kvytok_fare_rows_total', 'Rows worked off, by task.', byTask(rows), ['task']);
  metrics.counter(
    'kvytok_fare_failed_turns_total',
    'Turns that failed and were tried again, by task.',
    byTask(failures),
    ['task'],
  );
  const note = metrics.durations(
    'kvytok_fare_turn_seconds',
    'Duration of turns that had work, by task.',
    'task',
  );
  return (tasks) =>
    tasks.map((task) => ({
      ...task,
      async turn(rowsMax) {
        const began = monotonicMs();
        try {
          const taken = await task.turn(rowsMax);
          if (taken === 0) return 0;
          rows.set(task.name, (rows.get(task.name) ?? 0) + taken);
          note((monotonicMs() - began) / 1000, task.name);
          return taken;
        } catch (error) {
          failures.set(task.name, (failures.get(task.name) ?? 0) + 1);
          throw error;
        }
      },
    }));
}
