/** The published part of the audit log, read as `portal_runtime`. */
import type { Pool } from 'pg';
import type { PublishedLog } from '../ports.ts';

const KEYS_MAX = 100;

/** Each call is one statement by index. */
export function createPublishedLog(pool: Pool): PublishedLog {
  return {
    async checkpoint() {
      const { rows } = await pool.query<{ note: string }>(
        'SELECT note FROM fare.published_audit_checkpoint ORDER BY size DESC, signed_at_ms DESC LIMIT 1',
      );
      return rows[0]?.note;
    },
    async keys() {
      const { rows } = await pool.query<{ vkey: string }>(
        `SELECT vkey FROM fare.published_audit_key ORDER BY first_used_ms DESC, vkey LIMIT ${KEYS_MAX}`,
      );
      return rows.map(({ vkey }) => vkey);
    },
    async tile(level, n) {
      const { rows } = await pool.query<{ hashes: Buffer }>(
        'SELECT hashes FROM fare.published_audit_tile WHERE level = $1 AND n = $2 LIMIT 1',
        [level, n],
      );
      return rows[0]?.hashes;
    },
  };
}
