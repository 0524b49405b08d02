/** What of a holding came over from an earlier system, as a part of queries. */
import { USES } from '#pricing/elsewhere.ts';

/**
 * A {@link HandedOver} of `holding` (a row of pass_holding) whose money came by `sale` (a posting, or none), as JSON; `null` = it was sold here. A word on its
 * rides that was ended, at whatever instant, was wrong: what was said anew would be counted with it. @param knownBeforeMs only what was
 * said before is read; `null` = all
 */
export const handedOver = (holding: string, sale: string, knownBeforeMs: number | null = null): string => `(
  SELECT CASE WHEN ${sale}.debit_account LIKE 'opening:%' OR u.rides > 0 THEN json_build_object(
    'atMs', CASE WHEN ${sale}.debit_account LIKE 'opening:%' THEN ${sale}.posted_at_ms END,
    'rides', coalesce(u.rides, 0), 'firstUseMs', u.first_ms) END
  FROM (
    SELECT sum(split_part(e.concession_id, ':', 3)::int)::int AS rides, min(e.valid_from_ms) AS first_ms
    FROM fare.entitlement e
    WHERE e.account_id = ${holding}.account_id AND e.concession_id ~ '^${USES}[^:]+:[0-9]{1,6}$'
      AND split_part(e.concession_id, ':', 2) = ${holding}.pass_id
      AND ${saidBefore('e', knownBeforeMs)}
      AND NOT EXISTS (SELECT FROM fare.entitlement_revocation r WHERE r.entitlement_id = e.entitlement_id
        AND ${saidBefore('r', knownBeforeMs)})) AS u)`;

const saidBefore = (fact: string, ms: number | null): string =>
  ms === null ? 'true' : `${fact}.known_from_ms < ${Math.trunc(ms)}`;
