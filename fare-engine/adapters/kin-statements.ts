/** Tokens of one medium in SQL: a closure over what records said of them, by index from each token to the next. */

/** Tokens that a succession joins to `token`. OFFSET 0 keeps it a look-up. */
const NEXT = (token: string): string => `
  SELECT s.former_token_id AS token_id FROM fare.medium_succession s WHERE s.token_id = ${token}
  UNION ALL
  SELECT s.token_id FROM fare.medium_succession s WHERE s.former_token_id = ${token} OFFSET 0`;

/**
 * The CTE `name (seed, token_id)`: for each token of the query `seeds` (one column) all tokens of its medium, itself
 * included. Needs WITH RECURSIVE.
 */
export const kinTable = (name: string, seeds: string): string => `
${name} (seed, token_id) AS (
  SELECT token_id COLLATE "C", token_id COLLATE "C" FROM (${seeds}) AS seeds (token_id)
  UNION
  SELECT k.seed, n.token_id FROM ${name} k CROSS JOIN LATERAL (${NEXT('k.token_id')}) AS n)`;

/** What was said of the tokens of the CTE `kin`, as JSON. */
export const successionColumn = (kin: string): string => `
  (SELECT json_agg(DISTINCT jsonb_build_object('tokenId', s.token_id, 'formerTokenId', s.former_token_id,
     'knownFromMs', s.known_from_ms))
     FROM (SELECT DISTINCT token_id FROM ${kin}) AS k
    CROSS JOIN LATERAL (SELECT * FROM fare.medium_succession s WHERE s.token_id = k.token_id OFFSET 0) AS s)`;

/** Accounts that a medium may have had: derived from any of its tokens, or linked to one. `kin` names them. */
export const accountsOfKin = (kin: string): string => `
  SELECT k.seed, fare.derived_account_id(k.token_id) AS account_id FROM ${kin} k
  UNION
  SELECT k.seed, l.account_id FROM ${kin} k
   CROSS JOIN LATERAL (SELECT account_id FROM fare.media_link l WHERE l.token_id = k.token_id OFFSET 0) AS l`;
