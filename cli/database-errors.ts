/** What a database, or a server that is not there, says to a command, in words for whoever gave its address. */
import { OperatorError, systemCode } from '#platform/errors.ts';

const KEPT = 'What was not answered was not done; nothing is half written.';

/** By SQLSTATE: refusals that an address or a role explains, never a fault of the command. */
const REFUSALS: Readonly<Record<string, (said: string) => OperatorError>> = {
  '28P01': loginRefused,
  '28000': loginRefused,
  '42501': roleWrong,
  '3D000': notPrepared,
  '3F000': notPrepared,
  '42P01': notPrepared,
  '57P01': away,
  '57P02': away,
  '57P03': away,
  '53300': away,
};
const UNREACHABLE = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'];

/** The error as one for operators; `null` = it is something else, a bug perhaps. */
export function databaseRefusal(error: unknown): OperatorError | null {
  const code = systemCode(error);
  if (!(error instanceof Error) || code === undefined) return null;
  if (UNREACHABLE.includes(code) && 'syscall' in error) return unreachable(error.message);
  // Only what PostgreSQL sends has a severity.
  return 'severity' in error ? (REFUSALS[code]?.(error.message) ?? null) : null;
}

function loginRefused(said: string): OperatorError {
  return new OperatorError({
    code: 'DATABASE_LOGIN_REFUSED',
    happened: `The database lets nobody in under this name and password: ${said}.`,
    kept: KEPT,
    todo: 'Check KVYTOK_POSTGRES_URL (KVYTOK_OFFICE_POSTGRES_URL); kvytok migrate wrote roles and passwords to the file of --secrets.',
  });
}

function roleWrong(said: string): OperatorError {
  return new OperatorError({
    code: 'DATABASE_ROLE_WRONG',
    happened: `The role of this address may not do that: ${said}.`,
    kept: KEPT,
    todo: 'Give the address of the role that --help of the command names: auditor_runtime reads, office_runtime hands commands in.',
  });
}

function notPrepared(said: string): OperatorError {
  return new OperatorError({
    code: 'DATABASE_NOT_PREPARED',
    happened: `The database lacks what this command looks for: ${said}.`,
    kept: KEPT,
    todo: 'Check the name of the database in the address; kvytok migrate makes it, and brings an older one up to date.',
  });
}

function away(said: string): OperatorError {
  return new OperatorError({
    code: 'DATABASE_BUSY',
    happened: `The database takes no work just now: ${said}.`,
    kept: KEPT,
    todo: 'Ask again when it has started, or has fewer connections.',
  });
}

function unreachable(said: string): OperatorError {
  return new OperatorError({
    code: 'SERVER_UNREACHABLE',
    happened: `Nothing answers where a server should: ${said}.`,
    kept: KEPT,
    todo: 'Look whether it runs, and whether the address (KVYTOK_POSTGRES_URL for the database) is right.',
  });
}
