/**
 * Reads the identities file and looks at it again and again: enrolment writes it, the broker follows.
 *
 * The file is polled, not watched: a file that is replaced by a rename loses its watch, and polling never does.
 */
import { readFileSync, statSync } from 'node:fs';
import { describeProblems } from '#contracts/parse.ts';
import { OperatorError } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import { IDENTITIES_BYTES_MAX, type Identities, parseIdentities } from '../identity.ts';

export interface IdentitySource {
  /** The identities as last read well. */
  current(): Identities;
  stop(): void;
}

export interface IdentitySourceOptions {
  readonly path: string;
  readonly everyMs: number;
  readonly log: Logger;
  /** Called after the identities have changed. */
  readonly onChange: (identities: Identities) => void;
}

/**
 * Opens the file. A later version that cannot be read is logged and the former one stays: nobody is locked out by
 * half a file.
 * @throws OperatorError BROKER_IDENTITIES_INVALID when the first reading fails.
 */
export function openIdentityFile(options: IdentitySourceOptions): IdentitySource {
  const { path, log } = options;
  let stamp = stampOf(path);
  let identities = readIdentities(path);

  const look = (): void => {
    const now = stampOf(path);
    if (now === stamp) return;
    stamp = now;
    try {
      identities = readIdentities(path);
    } catch (err) {
      log.error(
        { problem: (err as Error).message },
        'broker.identities.refused: the former ones stay in force',
      );
      return;
    }
    log.info({ clients: identities.size }, 'broker.identities.read');
    options.onChange(identities);
  };
  const timer = setInterval(look, options.everyMs);
  timer.unref();
  return { current: () => identities, stop: () => clearInterval(timer) };
}

/** Differs whenever the file was written or replaced. */
export function stampOf(path: string): string {
  try {
    const { mtimeNs, size, ino } = statSync(path, { bigint: true });
    return `${mtimeNs} ${size} ${ino}`;
  } catch {
    return 'absent';
  }
}

function readIdentities(path: string): Identities {
  let bytes: Buffer;
  try {
    if (statSync(path).size > IDENTITIES_BYTES_MAX)
      throw new Error(`larger than ${IDENTITIES_BYTES_MAX} bytes`);
    bytes = readFileSync(path);
  } catch (error) {
    throw invalid(path, (error as Error).message);
  }
  const parsed = parseIdentities(bytes);
  if (!parsed.ok) throw invalid(path, describeProblems(parsed.problems));
  return parsed.value;
}

function invalid(path: string, problem: string): OperatorError {
  return new OperatorError({
    code: 'BROKER_IDENTITIES_INVALID',
    happened: `The identities file ${path} cannot be used: ${problem}.`,
    kept: 'No client was let in by it.',
    todo: 'Write it anew by enrolling the devices, or restore it, and start again.',
  });
}
