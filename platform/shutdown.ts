/**
 * Starting is adding, stopping is the reverse. What was started last may need what was started before it.
 */
import type { Logger } from './logger.ts';
import type { Role } from './role.ts';

export interface Lifecycle {
  /** Registers a running part and hands it back. */
  add<R extends Role>(role: R): R;
  /**
   * Stops all parts, the last added first, each at most `stopMsMax`. Every part is stopped even if another fails;
   * the first failure is then thrown. Later calls return the same promise.
   */
  stop(): Promise<void>;
}

const STOP_MS_MAX = 30_000;

/** Makes an empty lifecycle. */
export function createLifecycle(log: Logger, options: { stopMsMax?: number } = {}): Lifecycle {
  const roles: Role[] = [];
  const stopMsMax = options.stopMsMax ?? STOP_MS_MAX;
  let stopping: Promise<void> | undefined;

  async function stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let role = roles.pop(); role !== undefined; role = roles.pop()) {
      try {
        await within(stopMsMax, role);
        log.debug({ role: role.name }, 'role.stopped');
      } catch (err) {
        failures.push(err);
        log.error({ role: role.name, err }, 'role.stop-failed');
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  return {
    add(role) {
      roles.push(role);
      return role;
    },
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
  };
}

async function within(stopMsMax: number, role: Role): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`${role.name} did not stop within ${stopMsMax} ms`)),
    stopMsMax,
  );
  try {
    await Promise.race([role.stop(), promise]);
  } finally {
    clearTimeout(timer);
  }
}

// npm, our own starter and the terminal each hand on one Ctrl-C; what comes together is one wish.
const SAME_WISH_MS = 400;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type StopSignal = (typeof SIGNALS)[number];

/**
 * Waits for Ctrl-C or a polite kill. `received` resolves with the first signal, after which the caller stops its
 * lifecycle. A second Ctrl-C ends the process at once, for people in a hurry: everything durable is durable anyway.
 * `forget()` takes the handlers off again.
 */
export function onSignals(
  log: Logger,
  target: Pick<NodeJS.Process, 'on' | 'off' | 'exit'> = process,
  nowMs: () => number = () => performance.now(),
): { received: Promise<StopSignal>; forget(): void } {
  const { promise, resolve } = Promise.withResolvers<StopSignal>();
  let firstAtMs: number | undefined;
  const handler = (signal: NodeJS.Signals): void => {
    if (firstAtMs === undefined) {
      firstAtMs = nowMs();
      log.info({ signal }, 'shutdown.begins');
      resolve(signal as StopSignal);
    } else if (signal === 'SIGINT' && nowMs() - firstAtMs > SAME_WISH_MS) {
      log.warn('shutdown.forced');
      target.exit(130);
    }
  };
  for (const signal of SIGNALS) target.on(signal, handler);
  return {
    received: promise,
    forget: () => {
      for (const signal of SIGNALS) target.off(signal, handler);
    },
  };
}
