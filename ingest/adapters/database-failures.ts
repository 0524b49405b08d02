/**
 * Tells apart why a query failed: is the database away, did two transactions cross, or does it refuse this content?
 */
export type DatabaseFailure = 'away' | 'crossed' | 'refused';

/** Classes of SQLSTATE (PostgreSQL, Appendix A): 08 connection, 53 resources, 57 operator intervention, 58 system. */
const AWAY = /^(08|53|57|58|25P03)/;
const CROSSED = new Set(['40001', '40P01']);
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** Judges an error of `pg`. What carries no SQLSTATE came from the connection. */
export function databaseFailure(error: unknown): DatabaseFailure {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== 'string' || !SQLSTATE.test(code) || AWAY.test(code)) return 'away';
  return CROSSED.has(code) ? 'crossed' : 'refused';
}
