/** Statements of bank cards: what their taps brought, what is owed for their days, and payments with their events. */

/** New bank taps, and their days into the queue; the same twice is one. $1 taps (JSON). */
export const STORE_BANK_TAPS = `
WITH stored AS (
  INSERT INTO fare.bank_tap (tap_id, token_id, fare_day, par, par_proven, oda, authorisation, acquirer_key_id, fare_at_ms,
    received_at_ms)
  SELECT "tapId", "tokenId", "fareDay", par, "parProven", oda, "authorisation", "acquirerKeyId", "fareAtMs",
    "receivedAtMs"
  FROM json_to_recordset($1) AS r ("tapId" text, "tokenId" text, "fareDay" date, par text, "parProven" boolean, oda text,
    "authorisation" text, "acquirerKeyId" text, "fareAtMs" bigint, "receivedAtMs" bigint)
  ON CONFLICT (tap_id) DO NOTHING RETURNING token_id, fare_day)
INSERT INTO fare.bank_queue (token_id, fare_day) SELECT DISTINCT token_id, fare_day FROM stored`;

/**
 * What the signatures of cards say of the accounts behind them, where that was not known as early. Before the accounts are
 * locked: PARs are waited for in their order. $1 taps (JSON).
 */
export const STORE_PARS = `
INSERT INTO fare.medium_par (token_id, par, known_from_ms)
SELECT r."tokenId", r.par, min(r."receivedAtMs")
FROM json_to_recordset($1) AS r ("tokenId" text, par text, "parProven" boolean, "receivedAtMs" bigint)
WHERE r."parProven" AND r.par IS NOT NULL AND NOT EXISTS (
  SELECT FROM fare.medium_par p WHERE p.token_id = r."tokenId" AND p.par = r.par AND p.known_from_ms <= r."receivedAtMs")
GROUP BY 1, 2 ON CONFLICT DO NOTHING`;

/** The bank's word on a card's account, known after all that is known. $1 token, $2 PAR, $3 now. */
export const LEARN_PAR = `
WITH clock AS (
  UPDATE fare.known_clock SET after_ms = greatest(after_ms, $3) + 1 RETURNING after_ms - 1 AS known_ms)
INSERT INTO fare.medium_par (token_id, par, known_from_ms) SELECT $1, $2, known_ms FROM clock`;

/** Cards of one account: the mates of a card by PAR, itself included. $1 token. */
export const MATES_OF_CARD = `
SELECT $1::text AS token_id UNION
SELECT o.token_id FROM fare.medium_par m JOIN fare.medium_par o USING (par) WHERE m.token_id = $1 ORDER BY 1`;

/** Takes all rows of cards that are due. $1 now, $2 most rows that are looked for. */
export const CLAIM_CARDS = `
WITH closed AS (SELECT max(fare_day) AS until FROM fare.close),
due AS (
  (SELECT token_id FROM fare.bank_queue WHERE look_ms <= $1 ORDER BY look_ms LIMIT $2)
  UNION
  (SELECT token_id FROM fare.bank_queue CROSS JOIN closed WHERE look_ms IS NULL AND fare_day <= until
    ORDER BY fare_day LIMIT $2)),
taken AS (
  DELETE FROM fare.bank_queue q USING due WHERE q.token_id = due.token_id
  RETURNING q.token_id, q.fare_day, q.look_ms)
SELECT token_id AS "tokenId", array_agg(DISTINCT fare_day::text) AS days,
       bool_or(look_ms IS NOT DISTINCT FROM -9000000000000000) AS fresh, (SELECT until::text FROM closed) AS "closedUntil"
FROM taken GROUP BY token_id`;

const ITEMS = `json_agg(json_build_object('fareDay', s.fare_day, 'accountId', s.account_id, 'amountMinor', s.amount::text))`;

/** What the books say of cards and days. $1 tokens and $2 days, pairwise; $3 currency. */
export const LOAD_BOOKS = `
WITH key AS (SELECT DISTINCT token_id, fare_day FROM unnest($1::text[], $2::date[]) AS k (token_id, fare_day))
SELECT c.token_id AS "tokenId",
  (SELECT ${ITEMS} FROM (
     SELECT k.fare_day, d.account_id, sum(d.rider_minor - d.loss_minor) AS amount
       FROM key k
      CROSS JOIN LATERAL (SELECT x.tap_id FROM fare.timed_tap x WHERE x.token_id = k.token_id
         AND x.fare_day = k.fare_day AND x.medium_kind = 'bank' OFFSET 0) AS x
      CROSS JOIN LATERAL (SELECT * FROM fare.decision d WHERE d.tap_id = x.tap_id ORDER BY d.revision DESC LIMIT 1) AS d
      WHERE k.token_id = c.token_id AND d.currency = $3 GROUP BY 1, 2) AS s WHERE s.amount <> 0) AS due,
  (SELECT ${ITEMS} FROM (
     SELECT i.fare_day, i.account_id, sum(i.amount_minor) AS amount
       FROM key k JOIN fare.bank_item i ON i.token_id = k.token_id AND i.fare_day = k.fare_day
      WHERE k.token_id = c.token_id AND NOT EXISTS (
        SELECT FROM fare.bank_event e JOIN fare.bank_payment p USING (payment_id)
         WHERE e.payment_id = i.payment_id AND (e.kind = 'withdrawn' OR (p.kind = 'refund' AND e.kind = 'declined')))
      GROUP BY 1, 2) AS s WHERE s.amount <> 0) AS asked,
  (SELECT b.tap_id FROM fare.bank_tap b WHERE b.token_id = c.token_id
    ORDER BY b.fare_at_ms DESC, b.tap_id LIMIT 1) AS "tapId"
FROM (SELECT DISTINCT token_id FROM key) AS c`;

export const PAYMENT_COLUMNS = `json_build_object('paymentId', p.payment_id, 'kind', p.kind, 'tokenId', p.token_id,
  'amountMinor', p.amount_minor::text, 'currency', p.currency, 'tapId', p.tap_id, 'refunds', p.refunds,
  'madeAtMs', p.made_at_ms)`;

const EVENTS = `(SELECT coalesce(json_agg(json_build_object('n', e.n, 'kind', e.kind, 'key', e.key, 'code', e.code,
    'reference', e.reference, 'amountMinor', e.amount_minor::text, 'atMs', e.at_ms) ORDER BY e.n), '[]')
  FROM fare.bank_event e WHERE e.payment_id = p.payment_id)`;

/**
 * The latest payments of cards, and those before them that count however old they are: of which something is owed, and the latest
 * refunds (as many as a calendar of refusals may have, and one) with the charges that they give back of, and all refunds of those.
 * $1 tokens.
 */
export const LOAD_HISTORY = `
SELECT ${PAYMENT_COLUMNS} AS payment, ${EVENTS} AS events
FROM unnest($1::text[]) AS c (token_id) CROSS JOIN LATERAL (
  WITH refund AS (
    SELECT * FROM fare.bank_payment p WHERE p.token_id = c.token_id AND p.kind = 'refund'
    ORDER BY p.made_at_ms DESC, p.payment_id LIMIT 16)
  (SELECT * FROM fare.bank_payment p WHERE p.token_id = c.token_id ORDER BY p.made_at_ms DESC, p.payment_id LIMIT 40)
  UNION SELECT p.* FROM refund r JOIN fare.bank_payment p ON p.payment_id = r.refunds
  UNION SELECT p.* FROM fare.bank_payment p
    WHERE p.token_id = c.token_id AND p.kind = 'refund' AND p.refunds IN (SELECT refunds FROM refund)
  UNION
  SELECT p.* FROM fare.bank_debt d JOIN fare.bank_payment p USING (payment_id) WHERE d.token_id = c.token_id) AS p
ORDER BY p.token_id, p.made_at_ms DESC, p.payment_id`;

/** Whether something is owed of a payment. $1 payment, $2 token, $3 whether. */
export const SET_DEBT = `
WITH gone AS (DELETE FROM fare.bank_debt WHERE payment_id = $1 AND NOT $3::boolean)
INSERT INTO fare.bank_debt (payment_id, token_id) SELECT $1, $2 WHERE $3::boolean ON CONFLICT DO NOTHING`;

/** One payment with all that its requests need. $1 its id. */
export const LOAD_PAYMENT = `
SELECT ${PAYMENT_COLUMNS} AS payment, ${EVENTS} AS events, b.authorisation, b.acquirer_key_id AS "acquirerKeyId",
  (SELECT coalesce(json_agg(json_build_object('fareDay', i.fare_day, 'accountId', i.account_id,
      'amountMinor', i.amount_minor::text) ORDER BY i.fare_day, i.account_id), '[]')
     FROM fare.bank_item i WHERE i.payment_id = p.payment_id) AS items,
  (SELECT e.reference FROM fare.bank_event e WHERE e.payment_id = p.refunds AND e.kind = 'cleared'
    ORDER BY e.n DESC LIMIT 1) AS "refundsReference",
  (SELECT e.key FROM fare.bank_event e WHERE e.payment_id = p.refunds AND e.kind = 'cleared'
    ORDER BY e.n DESC LIMIT 1) AS "refundsKey"
FROM fare.bank_payment p JOIN fare.bank_tap b USING (tap_id) WHERE p.payment_id = $1`;

/** $1 payments, $2 items, $3 days to look at again (JSON), $4 now. */
export const WRITE_PLAN = `
WITH made AS (
  INSERT INTO fare.bank_payment (payment_id, kind, token_id, amount_minor, currency, tap_id, refunds, made_at_ms)
  SELECT "paymentId", kind, "tokenId", "amountMinor", currency, "tapId", refunds, "madeAtMs"
  FROM json_to_recordset($1) AS r ("paymentId" text, kind text, "tokenId" text, "amountMinor" bigint, currency text,
    "tapId" text, refunds text, "madeAtMs" bigint)
  RETURNING payment_id, kind),
item AS (
  INSERT INTO fare.bank_item (payment_id, token_id, fare_day, account_id, amount_minor)
  SELECT "paymentId", "tokenId", "fareDay", "accountId", "amountMinor"
  FROM json_to_recordset($2) AS r ("paymentId" text, "tokenId" text, "fareDay" date, "accountId" text,
    "amountMinor" bigint)),
work AS (
  INSERT INTO fare.bank_work (payment_id, due_ms) SELECT payment_id, $4 FROM made WHERE kind <> 'offset')
INSERT INTO fare.bank_queue (token_id, fare_day, look_ms)
SELECT "tokenId", "fareDay", "lookMs" FROM json_to_recordset($3) AS r ("tokenId" text, "fareDay" date, "lookMs" bigint)`;

/** $1 payment, $2 n, $3 kind, $4 key, $5 code, $6 reference, $7 amount, $8 when. No row = another was first. */
export const ADD_EVENT = `
INSERT INTO fare.bank_event (payment_id, n, kind, key, code, reference, amount_minor, at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (payment_id, n) DO NOTHING RETURNING n`;

/** The hundred highest numbers of chargebacks, whatever their form, and when each came; not those that a person gave. $1 acquirer. */
export const HIGHEST_CHARGEBACKS = `
SELECT n::float8 AS n, min(at_ms)::float8 AS "atMs" FROM (
  (SELECT n, at_ms FROM fare.bank_chargeback c WHERE acquirer_id = $1 AND NOT EXISTS (
     SELECT FROM fare.bank_malformed_end e WHERE e.acquirer_id = c.acquirer_id AND e.n = c.n)
    ORDER BY n DESC LIMIT 100)
  UNION ALL (SELECT n, at_ms FROM fare.bank_malformed_chargeback WHERE acquirer_id = $1 AND n IS NOT NULL
    ORDER BY n DESC LIMIT 100)) AS known
GROUP BY n ORDER BY n DESC LIMIT 100`;

/** $1 acquirer, $2 hash of its bytes, $3 n, $4 problem, $5 when. No row = known. */
export const ADD_MALFORMED_CHARGEBACK = `
INSERT INTO fare.bank_malformed_chargeback (acquirer_id, sha256, n, problem, at_ms)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING sha256`;

/** Malformed chargebacks by acquirer and hash, pairwise: $1 acquirers, $2 hashes. */
export const MALFORMED_NAMED = `
SELECT c.acquirer_id || '.' || c.sha256 AS key, c.n::float8 AS n, NOT EXISTS (SELECT FROM fare.bank_malformed_end e
    WHERE e.acquirer_id = c.acquirer_id AND e.sha256 = c.sha256) AS waits
FROM unnest($1::text[], $2::text[]) AS k (acquirer_id, sha256) JOIN fare.bank_malformed_chargeback c USING (acquirer_id, sha256)`;

/** $1 acquirer, $2 hash, $3 the number under which it is taken, $4 reason, $5 who says so, $6 when. */
export const ADD_MALFORMED_END = `
INSERT INTO fare.bank_malformed_end (acquirer_id, sha256, n, reason, said_by, at_ms) VALUES ($1, $2, $3, $4, $5, $6)`;

/** $1 acquirer, $2 n, $3 reference, $4 code, $5 amount, $6 currency, $7 payment, $8 problem, $9 when. No row = known. */
export const ADD_CHARGEBACK = `
INSERT INTO fare.bank_chargeback (acquirer_id, n, reference, code, amount_minor, currency, payment_id, problem, at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING n`;

/** Chargebacks by acquirer and number, pairwise: $1 acquirers, $2 numbers. */
export const CHARGEBACKS_NAMED = `
SELECT c.acquirer_id || '.' || c.n AS key, c.amount_minor::text AS "amountMinor", c.currency, c.code, c.reference,
  c.problem IS NOT NULL AND NOT EXISTS (SELECT FROM fare.bank_chargeback_move m
    WHERE m.acquirer_id = c.acquirer_id AND m.n = c.n) AS waits
FROM unnest($1::text[], $2::bigint[]) AS k (acquirer_id, n) JOIN fare.bank_chargeback c USING (acquirer_id, n)`;

/** $1 acquirer, $2 n, $3 where it goes, $4 payment, $5 reason, $6 who says so, $7 when. */
export const ADD_CHARGEBACK_MOVE = `
INSERT INTO fare.bank_chargeback_move (acquirer_id, n, moved, payment_id, reason, said_by, at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7)`;

/** $1 reference of a clearing. */
export const PAYMENT_OF_CLEARING = `
SELECT payment_id FROM fare.bank_event WHERE reference = $1 AND kind = 'cleared'`;

/**
 * $1 payment, $2 when to look at it; NULL = when something happens to it, $3 its last event: of one with a later one nothing is
 * said. The payments are locked.
 */
export const SET_WORK = `
WITH stands AS (SELECT FROM fare.bank_event WHERE payment_id = $1 HAVING coalesce(max(n), 0) = $3::int),
gone AS (DELETE FROM fare.bank_work WHERE payment_id = $1 AND $2::bigint IS NULL AND EXISTS (SELECT FROM stands))
INSERT INTO fare.bank_work (payment_id, due_ms) SELECT $1, $2::bigint FROM stands WHERE $2::bigint IS NOT NULL
ON CONFLICT (payment_id) DO UPDATE SET due_ms = excluded.due_ms, tries = 0, refusals = 0`;

/** Owed anew: the days of a payment that another takes the place of. $1 payment, $2 now. */
export const LOOK_AT_ITEMS = `
INSERT INTO fare.bank_queue (token_id, fare_day, look_ms)
SELECT DISTINCT token_id, fare_day, $2::bigint FROM fare.bank_item WHERE payment_id = $1`;

/** The day of the tap that a payment names. $1 payment, $2 now. */
export const LOOK_AT_TAP = `
INSERT INTO fare.bank_queue (token_id, fare_day, look_ms)
SELECT b.token_id, b.fare_day, $2::bigint FROM fare.bank_payment p JOIN fare.bank_tap b USING (tap_id)
WHERE p.payment_id = $1`;

/** All words on a card: a command that is not obeyed yet goes before what stands. One snapshot sees it there or here. $2 token. */
const WORDS = `(
    SELECT 1 AS waits, arrival AS at, NULL::uuid AS id, CASE kind WHEN 'deny-medium' THEN 'deny' ELSE 'allow' END AS action,
           payload->>'reason' AS reason, payload->>'scope' AS scope, (payload->>'validFromMs')::bigint AS since,
           (payload->>'validUntilMs')::bigint AS until
      FROM fare.command_inbox WHERE kind IN ('deny-medium', 'allow-medium') AND payload->>'tokenId' = $2
    UNION ALL
    SELECT 0, known_from_ms, entry_id, action, reason, scope, valid_from_ms, valid_until_ms
      FROM fare.deny_entry WHERE token_id = $2
  )`;
const LAST = 'ORDER BY waits DESC, at DESC, id DESC LIMIT 1';

/**
 * A card that owes (`debt`), or has ridden for more than is risked before its bank's first word (`unconfirmed`), is denied by the
 * command that an officer would give, unless it is denied already; a denial that begins later is none yet. Scope `all`: a validator
 * cannot know of a bank card that a right carries it. $1 command id, $2 token, $3 now, $4 who says it, $5 reason.
 */
export const DENY_CARD = `
INSERT INTO fare.command_inbox (command_id, kind, payload, submitted_by, submitted_at_ms)
SELECT $1, 'deny-medium', jsonb_build_object('tokenId', $2::text, 'reason', $5::text, 'scope', 'all',
       'validFromMs', $3::bigint), $4, $3
WHERE NOT EXISTS (SELECT FROM (SELECT * FROM ${WORDS} AS said ${LAST}) AS w
  WHERE w.action = 'deny' AND w.since <= $3 AND (w.until IS NULL OR w.until > $3) AND (w.reason <> 'unconfirmed' OR $5 = 'unconfirmed'))
ON CONFLICT DO NOTHING`;

/**
 * Cards of accounts that owe, and whose denial for something else has come to its end or has not begun, by token. $1 now, $2 most
 * rows, $3 the token after which to look.
 */
export const DENIALS_ENDED = `
SELECT c.token_id FROM (
  SELECT token_id FROM fare.bank_debt
  UNION
  SELECT o.token_id FROM fare.bank_debt d JOIN fare.medium_par m USING (token_id) JOIN fare.medium_par o USING (par)) AS c
CROSS JOIN LATERAL (SELECT e.action, e.valid_from_ms, e.valid_until_ms FROM fare.deny_entry e WHERE e.token_id = c.token_id
  ORDER BY e.known_from_ms DESC, e.entry_id DESC LIMIT 1) AS w
WHERE w.action = 'deny' AND (w.valid_until_ms <= $1 OR w.valid_from_ms > $1) AND c.token_id > $3
ORDER BY c.token_id LIMIT $2`;

/**
 * A card that owes nothing any more is taken again, or one that waits for its bank's first word, when that has come. Where it is denied
 * for another reason too, now or from a later date, that denial is said again: it had stood below the debt's. $1 to $4 as above.
 */
export const ALLOW_CARD = `
WITH word AS (SELECT * FROM ${WORDS} AS said ${LAST}),
other AS (
  SELECT * FROM (SELECT * FROM ${WORDS} AS said WHERE action = 'allow' OR reason NOT IN ('debt', 'unconfirmed') ${LAST}) AS last
   WHERE action = 'deny' AND (until IS NULL OR until > $3))
INSERT INTO fare.command_inbox (command_id, kind, payload, submitted_by, submitted_at_ms)
SELECT $1, CASE WHEN o.action IS NULL THEN 'allow-medium' ELSE 'deny-medium' END,
  jsonb_strip_nulls(jsonb_build_object('tokenId', $2::text, 'reason', o.reason, 'scope', o.scope, 'validFromMs', o.since,
    'validUntilMs', o.until)), $4, $3
FROM word AS w LEFT JOIN other AS o ON true
WHERE w.action = 'deny' AND (w.reason = 'debt' OR (w.reason = 'unconfirmed'
    AND EXISTS (SELECT FROM fare.bank_payment p JOIN fare.bank_event e USING (payment_id)
      WHERE p.token_id = $2 AND e.kind IN ('approved', 'paid'))))
ON CONFLICT DO NOTHING`;
