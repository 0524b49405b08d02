/** Settlements as the auditor's role reads them: what would be settled, what was, and whether it is found again. */
import type { SplitRule } from '#pricing/revenue-split.ts';
import { onOneSnapshot, type Queryable, type ReaderPool, rowsOf } from './database-reader.ts';
import { parseAct, type SettlementAct } from './settlement/act.ts';
import type { ShownAct, ShownSignature } from './settlement/act-page.ts';
import type { PassMoney } from './settlement/facts.ts';
import type { PassTerms } from './settlement/pass-months.ts';
import type { SettlementPeriod } from './settlement/period.ts';
import { type Settled, settle } from './settlement/settle.ts';
import { readSettlementFacts, settlementBefore } from './settlement/window.ts';

export interface SettlementPreview {
  readonly settled: Settled;
  /** When the month was settled; `null` = it is not. */
  readonly closedAtMs: number | null;
  /** Of a settled month: carriers whose kept act says other sums than the facts say now. Must be empty. */
  readonly differing: readonly string[];
  /**
   * Of a month that was settled while passes were still divided at their sale: its acts stand, and their shares of passes are not
   * what its facts give by the months of passes (0167). They are left out of `differing`.
   */
  readonly passesAsSold: boolean;
  /** What stays in the liability for passes because neither the package of the sale nor that in force knows their product. */
  readonly withoutTerms: readonly PassMoney[];
}

/** What a month's settlement would be now, or, of a settled one, what its facts give again. */
export function previewSettlement(
  pool: ReaderPool,
  period: SettlementPeriod,
  untilMs: number,
  rules: readonly SplitRule[],
  terms: PassTerms,
): Promise<SettlementPreview> {
  return onOneSnapshot(pool, async (client) => {
    const [closed] = await rowsOf<{ xact: string; closedAtMs: number }>(
      client,
      `SELECT xact::text AS xact, known_from_ms::float8 AS "closedAtMs" FROM fare.settlement WHERE period = $1`,
      [period.id],
    );
    const before = await settlementBefore(client, period.untilDay);
    const { xact: cutXact = null, closedAtMs: knownBeforeMs = null } = closed ?? {};
    const window = { period, untilMs, before, cutXact, knownBeforeMs };
    const facts = await readSettlementFacts(client, window, terms);
    const settled = settle(facts, rules);
    const { withoutTerms = [] } = facts;
    if (closed === undefined)
      return { settled, closedAtMs: null, differing: [], passesAsSold: false, withoutTerms };
    const passesAsSold = facts.passMonths.length > 0 && !(await keptPassMonths(client, period.id));
    const differing = await compareWithActs(client, period.id, settled, passesAsSold);
    return { settled, closedAtMs: closed.closedAtMs, differing, passesAsSold, withoutTerms };
  });
}

/** Whether a settled month wrote down what it earned of passes: every one does that had any, since passes are earned by months. */
async function keptPassMonths(client: Queryable, period: string): Promise<boolean> {
  const rows = await rowsOf(client, 'SELECT FROM fare.pass_month WHERE period = $1 LIMIT 1', [period]);
  return rows.length > 0;
}

async function compareWithActs(
  client: Queryable,
  period: string,
  settled: Settled,
  passesAsSold: boolean,
): Promise<string[]> {
  const rows = await rowsOf<{ carrier: string; bytes: string }>(
    client,
    'SELECT carrier_id AS carrier, bytes FROM fare.settlement_act WHERE period = $1 ORDER BY 1',
    [period],
  );
  const carriers = settled.ok
    ? settled.settlement.carriers.filter(({ carrierId }) => carrierId !== null)
    : [];
  const now = Map.groupBy(carriers, ({ carrierId }) => carrierId as string);
  const names = [...new Set([...rows.map(({ carrier }) => carrier), ...now.keys()])].sort();
  return names.filter((name) => {
    const kept = rows.find(({ carrier }) => carrier === name);
    const compared = (sums: readonly ComparedSum[]): string =>
      JSON.stringify(
        sums
          .map(({ currency, lines }) => ({
            currency,
            lines: lines
              .filter(({ kind }) => !(passesAsSold && kind === 'pass-share'))
              .map((line) => ({ ...line, minor: line.minor.toString() })),
          }))
          .filter(({ lines }) => !passesAsSold || lines.length > 0),
      );
    return compared(kept === undefined ? [] : readAct(kept.bytes).sums) !== compared(now.get(name) ?? []);
  });
}

interface ComparedSum {
  readonly currency: string;
  readonly lines: readonly { readonly kind: string; readonly minor: bigint | string }[];
}

/** The bytes of an act, read. @throws Error when they are none: the database keeps only what the engine wrote */
function readAct(bytes: string): SettlementAct {
  const parsed = parseAct(JSON.parse(bytes));
  if (parsed.ok) return parsed.value;
  throw new Error(`an act cannot be read: ${parsed.problems[0]?.path} ${parsed.problems[0]?.message}`);
}

/** An act with its signatures; `null` = there is none. `bytes` are those that are signed. */
export async function findAct(
  client: Queryable,
  period: string,
  carrierId: string,
): Promise<(ShownAct & { bytes: string }) | null> {
  const [row] = await rowsOf<{ bytes: string; sha256: string; signatures: ShownSignature[] | null }>(
    client,
    `SELECT a.bytes, encode(a.sha256, 'hex') AS sha256,
       (SELECT json_agg(json_build_object('side', g.side, 'name', s.name, 'signedAtMs', g.known_from_ms,
           'qualified', g.qualified, 'objections', g.objections, 'note', g.note) ORDER BY g.side)
          FROM fare.act_signature g JOIN fare.act_signer s USING (signer_id)
         WHERE g.period = a.period AND g.carrier_id = a.carrier_id) AS signatures
     FROM fare.settlement_act a WHERE a.period = $1 AND a.carrier_id = $2`,
    [period, carrierId],
  );
  if (row === undefined) return null;
  return { bytes: row.bytes, sha256: row.sha256, act: readAct(row.bytes), signatures: row.signatures ?? [] };
}

export interface ListedSettlement {
  readonly period: string;
  readonly carrierId: string;
  readonly state: string;
  readonly objections: boolean;
  readonly qualified: boolean;
  readonly closedBy: string;
  readonly closedAtMs: number;
  readonly actSha256: string;
}

/** All acts, newest month first, and who may sign. */
export async function listSettlements(client: Queryable) {
  const acts = await rowsOf<ListedSettlement>(
    client,
    `SELECT period, carrier_id AS "carrierId", state, objections, qualified, closed_by AS "closedBy",
       closed_at_ms::float8 AS "closedAtMs", act_sha256 AS "actSha256"
     FROM fare.published_settlement ORDER BY period DESC, carrier_id`,
  );
  const signers = await rowsOf<object>(
    client,
    `SELECT signer_id::text AS "signerId", side, carrier_id AS "carrierId", name, scheme,
       valid_from_ms::float8 AS "validFromMs", valid_until_ms::float8 AS "validUntilMs"
     FROM fare.act_signer ORDER BY known_from_ms, signer_id`,
  );
  return { acts, signers };
}
