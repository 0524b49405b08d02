/** Work that the first Ctrl-C ends in good order: what it has written half is taken away. */
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import type { CommandIo } from '../command.ts';

/**
 * Does the work, which asks the signal before each thing it writes (`throwIfAborted`) and cleans up as after any error. `null` = it
 * was stopped, and that is said.
 */
export async function untilStopped<T>(
  work: (signal: AbortSignal) => Promise<T>,
  io: CommandIo,
): Promise<T | null> {
  const signals = onSignals(createLogger({ component: 'audit', level: 'warn' }));
  const stopping = new AbortController();
  void signals.received.then(() => stopping.abort());
  try {
    return await work(stopping.signal);
  } catch (error) {
    if (!stopping.signal.aborted || error !== stopping.signal.reason) throw error;
    io.stderr.write('Stopped: nothing was exported, and nothing is left behind.\n');
    return null;
  } finally {
    signals.forget();
  }
}
