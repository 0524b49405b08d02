/**
 * Brings commands to the office one after the other, a few at a time, and keeps what could not be brought. Bounded:
 * beyond its limit a command is dropped and counted, never silently.
 */
import type { OfficeCommand } from './office.ts';

export interface Clerk {
  /** Puts a command at the end of the row. */
  bring(command: OfficeCommand): void;
  /**
   * Brings at most `count`; resolves when done or when the office failed (the rest stays). While one call works,
   * another only waits for it.
   */
  work(count: number): Promise<void>;
  readonly waiting: number;
  readonly brought: number;
  readonly dropped: number;
}

export function createClerk(options: {
  readonly office: (command: OfficeCommand) => Promise<void>;
  readonly waitingMax: number;
  readonly onFailure: (error: unknown) => void;
}): Clerk {
  const row: OfficeCommand[] = [];
  let brought = 0;
  let dropped = 0;
  let working: Promise<void> | null = null;

  const workOff = async (count: number): Promise<void> => {
    try {
      for (let i = 0; i < count && row[0]; i++) {
        await options.office(row[0]);
        row.shift();
        brought++;
      }
    } catch (error) {
      options.onFailure(error);
    }
  };

  return {
    bring(command) {
      if (row.length >= options.waitingMax) dropped++;
      else row.push(command);
    },
    work(count) {
      working ??= workOff(count).finally(() => {
        working = null;
      });
      return working;
    },
    get waiting() {
      return row.length;
    },
    get brought() {
      return brought;
    },
    get dropped() {
      return dropped;
    },
  };
}
