/**
 * A pricing worker: turns without end until it is stopped. Several may run, in one process or in many; they need no
 * order among them, and a dead one's rows are another's.
 */
import { isAway, isPassing } from '#platform/await-database.ts';
import type { Logger } from '#platform/logger.ts';

/** One sort of work. Returns how many rows it took; 0 = there was nothing. */
export interface Task {
  readonly name: string;
  /** Rows in one turn at most. */
  readonly rowsMax: number;
  turn(rowsMax: number): Promise<number>;
  /** Called when a single row failed `triesMax` times: moves it out of the way. */
  setAside?(error: Error, tries: number): Promise<void>;
}

export interface WorkerOptions {
  readonly tasks: readonly Task[];
  readonly log: Logger;
  /** Waits unless stopped; the timer is handed in. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly idleMs?: number;
  readonly triesMax?: number;
}

export interface Worker {
  /** Ends after the turn that runs. */
  stop(): Promise<void>;
}

const IDLE_MS = 40;
const BACKOFF_MS_MAX = 5000;
/** So many failures in a row are no passing trouble any more. */
const PASSING_MAX = 20;

/** Starts a worker. It never throws: what goes wrong is logged and tried again, in smaller portions if need be. */
export function startWorker(options: WorkerOptions): Worker {
  const stopping = new AbortController();
  const states = options.tasks.map((task) => ({ task, rowsMax: task.rowsMax, failures: 0 }));
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      let taken = 0;
      let failed = 0;
      for (const state of states) {
        if (stopping.signal.aborted) break;
        const result = await takeTurn(state, options);
        if (result === 'failed') failed = Math.max(failed, state.failures);
        else taken += result;
      }
      if (failed > 0) await options.wait(Math.min(20 * 2 ** failed, BACKOFF_MS_MAX), stopping.signal);
      else if (taken === 0) await options.wait(options.idleMs ?? IDLE_MS, stopping.signal);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

interface TaskState {
  readonly task: Task;
  rowsMax: number;
  failures: number;
}

async function takeTurn(state: TaskState, options: WorkerOptions): Promise<number | 'failed'> {
  const { task } = state;
  try {
    const taken = await task.turn(state.rowsMax);
    state.failures = 0;
    state.rowsMax = Math.min(task.rowsMax, state.rowsMax * 2);
    return taken;
  } catch (error) {
    await afterFailure(state, error as Error, options);
    return 'failed';
  }
}

async function afterFailure(state: TaskState, error: Error, options: WorkerOptions): Promise<void> {
  const { task } = state;
  state.failures += 1;
  // The same key again and again is no race between workers any more. A database that is away for long is nobody's fault.
  const passing = isAway(error) || (isPassing(error) && state.failures < PASSING_MAX);
  // Nobody's fault is somebody's trouble all the same: by now and then it is said aloud.
  const isQuiet = passing && state.failures % PASSING_MAX !== 0;
  const fields = { task: task.name, rows: state.rowsMax, failures: state.failures, err: error.message };
  options.log[isQuiet ? 'info' : 'error'](fields, 'fare.turn.failed');
  if (passing) return;
  if (state.rowsMax > 1) {
    // Some row of the portion is the cause: portions shrink until it stands alone.
    state.rowsMax = Math.max(1, Math.floor(state.rowsMax / 4));
    state.failures = 0;
    return;
  }
  if (task.setAside === undefined || state.failures < (options.triesMax ?? 3)) return;
  await task.setAside(error, state.failures).catch((again: Error) => {
    options.log.error({ task: task.name, err: again.message }, 'fare.set-aside.failed');
  });
  options.log.error({ task: task.name, err: error.message }, 'fare.row.stuck');
  state.failures = 0;
}
