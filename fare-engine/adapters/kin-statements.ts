/**
 * Tokens that belong together, in SQL: a closure over what was said of them, by index from each token to the next. Those of
 * one medium, or of all media that took each other's place: an account's are among these.
 */

/** Tokens that are joined to `token`. OFFSET 0 keeps it a look-up. */
const NEXT = {
  medium: (token: string): string => `
  SELECT s.former_token_id AS token_id FROM fare.medium_succession s WHERE s.token_id = ${token}
  UNION ALL
  SELECT s.token_id FROM fare.medium_succession s WHERE s.former_token_id = ${token} OFFSET 0`,
  family: (token: string): string => `
  SELECT t.other_token_id AS token_id FROM fare.medium_tie t WHERE t.token_id = ${token} OFFSET 0`,
} as const;

/**
 * The CTE `name (seed, token_id)`: for each token of the query `seeds` (one column) all tokens of its family, or of its
 * medium alone, itself included. Needs WITH RECURSIVE.
 */
export const kinTable = (name: string, seeds: string, of: keyof typeof NEXT = 'family'): string => `
${name} (seed, token_id) AS (
  SELECT token_id COLLATE "C", token_id COLLATE "C" FROM (${seeds}) AS seeds (token_id)
  UNION
  SELECT k.seed, n.token_id FROM ${name} k CROSS JOIN LATERAL (${NEXT[of]('k.token_id')}) AS n)`;

const STATION_WORDS = `CASE WHEN r.device_id IS NOT NULL THEN (
       SELECT coalesce(jsonb_agg(jsonb_build_object('stationId', s.station_id, 'allowed', s.allowed,
           'knownFromMs', s.known_from_ms) ORDER BY s.station_id), '[]')
         FROM fare.issuing_station s WHERE s.device_id = r.device_id AND s.valid_from_ms <= r.valid_from_ms
          AND (s.valid_until_ms IS NULL OR r.valid_from_ms < s.valid_until_ms)) END`;

/** What was said of the tokens of the CTE `kin` (seed, token_id), as JSON; of a token that is joined to none nothing is asked. */
export const successionColumn = (kin: string): string => `
  (SELECT json_agg(DISTINCT said.fact)
     FROM (SELECT token_id FROM ${kin} WHERE token_id <> seed
           UNION SELECT seed FROM ${kin} WHERE token_id <> seed) AS k
    CROSS JOIN LATERAL (
      SELECT jsonb_build_object('tokenId', s.token_id, 'formerTokenId', s.former_token_id,
               'knownFromMs', s.known_from_ms) AS fact
        FROM fare.medium_succession s WHERE s.token_id = k.token_id
      UNION ALL
      SELECT jsonb_build_object('ref', r.ref, 'tokenId', r.token_id, 'replacesTokenId', r.replaces_token_id,
               'validFromMs', r.valid_from_ms, 'saidMs', r.said_ms, 'knownFromMs', r.known_from_ms,
               'stationWords', ${STATION_WORDS})
        FROM fare.card_replacement r WHERE r.token_id = k.token_id
      UNION ALL
      SELECT jsonb_build_object('tokenId', p.token_id, 'par', p.par, 'knownFromMs', p.known_from_ms)
        FROM fare.medium_par p WHERE p.token_id = k.token_id OFFSET 0) AS said)`;

/** Accounts that a medium may have had: derived from any of its tokens, or linked to one. `kin` names them. */
export const accountsOfKin = (kin: string): string => `
  SELECT k.seed, fare.derived_account_id(k.token_id) AS account_id FROM ${kin} k
  UNION
  SELECT k.seed, l.account_id FROM ${kin} k
   CROSS JOIN LATERAL (SELECT account_id FROM fare.media_link l WHERE l.token_id = k.token_id OFFSET 0) AS l`;
