/** What a role of `kvytok edge` is started with. */
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { Lifecycle } from '#platform/shutdown.ts';
import type { CommandIo } from '../command.ts';

export interface EdgeRun {
  readonly io: CommandIo;
  readonly clock: Clock;
  readonly log: Logger;
  /** Stops what was started. */
  readonly lifecycle: Lifecycle;
}
