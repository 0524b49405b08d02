/**
 * The step after every recovery of a database, whoever made it: a new incarnation, a higher generation of the deny
 * list, another origin of the audit log, all in one transaction. Until it is done ingest does not start.
 */
import pg from 'pg';
import { OperatorError } from '#platform/errors.ts';
import { clientConfig } from '#platform/postgres.ts';
import { beginAuditLife } from '../../fare-engine/adapters/audit-life.ts';
import { nextGeneration, raiseGeneration } from '../../fare-engine/adapters/raise-generation.ts';
import { requireTransactionOrder } from '../../fare-engine/adapters/transaction-order.ts';
import { beginLife, type NewLife, needsNewLife } from '../../ingest/adapters/begin-life.ts';

export interface FinishedRestore extends NewLife {
  /** Of the deny list. */
  readonly generation: number;
}

export interface FinishOptions {
  /** Address of the role that migrates: it may act as the owners of the schemas. */
  readonly migratorUrl: string;
  /** City time. */
  readonly nowMs: number;
  /** A generation of the deny list that no earlier restore has used. */
  readonly generationMin: number;
  /** The statement of the offline key that begins a generation, asked for the lowest that may be used. */
  readonly statementFor: (generation: number) => string;
  /** Begin a new life although the database shows no sign of a restore (a snapshot that was put back shows none). */
  readonly evenSo: boolean;
}

/** @throws OperatorError RESTORE_DATABASE_IN_USE, RESTORE_NOT_NEEDED, RESTORE_GENERATION_REFUSED, TRANSACTIONS_BEHIND */
export async function finishRestore(options: FinishOptions): Promise<FinishedRestore> {
  const client = new pg.Client(clientConfig({ url: options.migratorUrl, applicationName: 'kvytok-restore' }));
  await client.connect();
  try {
    await client.query('BEGIN');
    await refuseInUse(client);
    await client.query('SET LOCAL ROLE ingest_owner');
    if (!options.evenSo && !(await needsNewLife(client))) throw notNeeded();
    const life = await beginLife(client, options.nowMs);
    await client.query('SET LOCAL ROLE fare_owner');
    await requireTransactionOrder(client);
    const statement = options.statementFor(await nextGeneration(client, options.generationMin));
    const raised = await raiseGeneration(client, statement);
    if (!raised.ok) throw generationRefused(raised.detail);
    await beginAuditLife(client, options.nowMs);
    await client.query('COMMIT');
    return { ...life, generation: raised.generation };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    await client.end();
  }
}

/** A city at work must not get a new life under its feet. Names of other roles' connections are open to everybody. */
async function refuseInUse(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT DISTINCT usename AS name FROM pg_stat_activity
     WHERE datname = current_database() AND usename IN ('ingest_runtime', 'fare_runtime', 'backup_runtime')`,
  );
  if (rows.length === 0) return;
  throw new OperatorError({
    code: 'RESTORE_DATABASE_IN_USE',
    happened: `The database is at work: ${rows.map(({ name }) => name).join(', ')} are connected.`,
    kept: 'Nothing was changed.',
    todo: 'If it was restored, stop ingest, fare engines and backups that use it, then call this again. If not, there is nothing to do.',
  });
}

function notNeeded(): OperatorError {
  return new OperatorError({
    code: 'RESTORE_NOT_NEEDED',
    happened: 'The database shows no sign of a restore: it stands on the timeline of its present life.',
    kept: 'Nothing was changed.',
    todo: 'If a snapshot or a copy of files was put back, which leaves no sign, call this again with --even-so.',
  });
}

function generationRefused(detail: string): OperatorError {
  return new OperatorError({
    code: 'RESTORE_GENERATION_REFUSED',
    happened: `The statement does not begin a generation of the deny list: ${detail}.`,
    kept: 'Nothing was changed; the database still waits for its new life.',
    todo: 'Make one for a higher generation with kvytok deny generation, where the offline key is, and give it with --statement.',
  });
}
