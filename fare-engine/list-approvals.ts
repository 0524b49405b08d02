/** What officers signed about the packages of a database, for whoever checks it: the statements as they are. */
import { type Queryable, rowsOf } from './database-reader.ts';

export interface ListedApproval {
  readonly packageHash: string;
  readonly act: 'activate' | 'withdraw';
  readonly knownFromMs: number;
  /** None: activated before signatures were asked for. */
  readonly statements: readonly string[];
}

/** Reads them under the role of an auditor or of the office, by the time they were known. */
export function listApprovals(database: Queryable): Promise<ListedApproval[]> {
  return rowsOf<ListedApproval>(
    database,
    `SELECT package_hash AS "packageHash", act, known_from_ms::float8 AS "knownFromMs",
            coalesce((SELECT json_agg(statement ORDER BY role, officer) FROM fare.tariff_approval p
                       WHERE p.package_hash = e.package_hash AND p.act = e.act), '[]') AS statements
       FROM (SELECT package_hash, 'activate' AS act, known_from_ms FROM fare.tariff_activation
             UNION ALL SELECT package_hash, 'withdraw', known_from_ms FROM fare.tariff_withdrawal) AS e
      ORDER BY known_from_ms, package_hash, act`,
  );
}
