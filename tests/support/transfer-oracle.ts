/**
 * A second, slow pricer of transfers for tests: tries every combination, written from the GTFS reference text and not
 * from the engine. It knows one payer and works on plain rows.
 */
export interface OracleLegRule {
  readonly network: string;
  readonly group: string;
  readonly price: bigint;
}

export interface OracleTransfer {
  readonly from: string;
  readonly to: string;
  /** -1 = no limit; 0 = the column is empty. */
  readonly count: number;
  readonly limitS: number | null;
  readonly limitType: 0 | 1 | 2 | 3;
  readonly type: 0 | 1 | 2;
  readonly price: bigint;
}

export interface OracleLeg {
  readonly network: string;
  readonly departureS: number;
  readonly arrivalS: number;
}

/** Lowest total, or `null` where some leg has no rule. */
export function oracleTotal(
  legRules: readonly OracleLegRule[],
  transfers: readonly OracleTransfer[],
  legs: readonly OracleLeg[],
): bigint | null {
  let lowest: bigint | null = null;
  const walk = (chosen: OracleLegRule[]) => {
    const leg = legs[chosen.length];
    if (!leg) {
      for (const total of totalsOf(transfers, legs, chosen))
        if (lowest === null || total < lowest) lowest = total;
      return;
    }
    for (const rule of legRules) if (rule.network === leg.network) walk([...chosen, rule]);
  };
  walk([]);
  return lowest;
}

/** Every total that the transfer rules allow for chosen leg rules. */
function totalsOf(
  transfers: readonly OracleTransfer[],
  legs: readonly OracleLeg[],
  chosen: OracleLegRule[],
): bigint[] {
  const totals: bigint[] = [];
  const listedFrom = transfers.map((t) => t.from);
  const listedTo = transfers.map((t) => t.to);
  const groupOf = (i: number) => chosen[i]?.group ?? '';
  // A rule that is empty on both sides has "the same" groups on both sides too.
  const bothEmpty = (i: number) => !listedFrom.includes(groupOf(i - 1)) && !listedTo.includes(groupOf(i));
  const sameGroup = (i: number) => groupOf(i - 1) === groupOf(i);
  const sameRun = (earlier: number, i: number) =>
    bothEmpty(i) ? bothEmpty(earlier) : sameGroup(i) && (sameGroup(earlier) || bothEmpty(earlier));
  // used[i] = the transfer rule into leg i, or null.
  const walk = (used: (OracleTransfer | null)[], total: bigint) => {
    const i = used.length;
    if (i === chosen.length) {
      totals.push(total);
      return;
    }
    const to = chosen[i] as OracleLegRule;
    const from = chosen[i - 1] as OracleLegRule;
    // "measured starting from the first matched leg" of consecutive transfers within one group
    let first = i - 1;
    while (first > 0 && used[first] !== null && sameRun(first, i)) first--;
    const count = i - first;
    const groupsMatch = (t: OracleTransfer) =>
      from.group !== '' &&
      to.group !== '' &&
      (t.from === from.group || (t.from === '' && !listedFrom.includes(from.group))) &&
      (t.to === to.group || (t.to === '' && !listedTo.includes(to.group)));
    const limit = (t: OracleTransfer) => (t.count <= 0 ? 1_000_000 : t.count);
    let matching = transfers.filter((t) => groupsMatch(t) && limit(t) >= count && inTime(t, legs, first, i));
    const smallest = Math.min(...matching.map(limit));
    matching = matching.filter((t) => limit(t) === smallest);
    if (matching.length === 0) walk([...used, null], total + to.price);
    for (const t of matching) {
      const started = used[i - 1] === null;
      if (t.type === 0) walk([...used, t], total + t.price);
      else if (t.type === 1) walk([...used, t], total + t.price + to.price);
      else walk([...used, t], started ? total - from.price + t.price : total + t.price);
    }
  };
  walk([null], (chosen[0] as OracleLegRule).price);
  return totals;
}

function inTime(t: OracleTransfer, legs: readonly OracleLeg[], first: number, last: number): boolean {
  if (t.limitS === null) return true;
  const a = legs[first] as OracleLeg;
  const b = legs[last] as OracleLeg;
  const start = { 0: a.departureS, 1: a.departureS, 2: a.arrivalS, 3: a.arrivalS }[t.limitType];
  const end = { 0: b.arrivalS, 1: b.departureS, 2: b.departureS, 3: b.arrivalS }[t.limitType];
  return end - start <= t.limitS;
}
