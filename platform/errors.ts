/**
 * Errors that a person has to act on. Everything else that throws is a bug and keeps its stack.
 */

/** The three sentences an operator needs, and a code to look up in docs/REASON-CODES.md. */
export interface OperatorErrorParts {
  /** Stable code in upper case, e.g. `DATA_FOLDER_IN_USE`. */
  readonly code: string;
  /** What happened. */
  readonly happened: string;
  /** What was kept, i.e. what the operator need not fear for. */
  readonly kept: string;
  /** What to do now; where possible the exact line to type. */
  readonly todo: string;
  readonly cause?: unknown;
}

/** An error with a way out. Its message is the three sentences, so that a plain log shows them too. */
export class OperatorError extends Error {
  readonly code: string;
  readonly happened: string;
  readonly kept: string;
  readonly todo: string;

  constructor(parts: OperatorErrorParts) {
    super(
      `${parts.code}: ${parts.happened} ${parts.kept} ${parts.todo}`,
      parts.cause === undefined ? undefined : { cause: parts.cause },
    );
    this.name = 'OperatorError';
    this.code = parts.code;
    this.happened = parts.happened;
    this.kept = parts.kept;
    this.todo = parts.todo;
  }
}

/** The error as lines for a terminal: no stack for operators, the stack for bugs. */
export function describeError(error: unknown): string {
  if (error instanceof OperatorError) {
    const lines = [
      `error: ${error.happened}  [${error.code}]`,
      `  kept: ${error.kept}`,
      `  do:   ${error.todo}`,
    ];
    return lines.join('\n');
  }
  if (error instanceof Error) return error.stack ?? `${error.name}: ${error.message}`;
  return String(error);
}

/** The system's error code (`ENOSPC`, `EADDRINUSE` …) if the error carries one. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
