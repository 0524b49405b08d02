/** What every subcommand is. */

/** The outside of a command; handed in, so that a test can call a command like a function. */
export interface CommandIo {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** A module under `commands/`. */
export interface CommandModule {
  /** Text of `kvytok <name> --help`. */
  readonly usage: string;
  /** Does the work; resolves with the exit code. Expected trouble is an OperatorError, or a code and a message. */
  run(args: string[], io: CommandIo): Promise<number>;
}

/** A line of the table of commands. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CommandModule>;
}

/** Exit codes (sysexits.h where one fits). */
export const EXIT = { ok: 0, failed: 1, usage: 64, data: 65, unavailable: 69 } as const;

/** The command was called wrongly. The message says how; the usage follows it. */
export class UsageError extends Error {}
