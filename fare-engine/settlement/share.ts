/** By which rule the money of a pass or a cap is divided, and among whom. Pure. */
import type { SplitRule } from '#pricing/revenue-split.ts';
import { divide } from './divide.ts';
import type { Boardings, SplitItem } from './facts.ts';

export interface SharePart {
  readonly minor: bigint;
  /** Boardings that it was divided by. */
  readonly rides: number;
}

/** An item's money in parts that add up to it. */
export interface ItemShares {
  readonly item: SplitItem;
  readonly method: SplitRule['method'];
  /** By carrier. */
  readonly parts: ReadonlyMap<string, SharePart>;
}

/** One boarding, where a rule gives carriers no weights. */
const ONE_BP = 10_000n;

/**
 * Divides an item's money. Without a rule passes go by boardings, and each carrier bears what caps took off its own rides.
 * @returns `undefined` when there is nobody to divide among: the money waits.
 */
export function shareOf(
  item: SplitItem,
  minor: bigint,
  rows: readonly Boardings[],
  rules: readonly SplitRule[],
): ItemShares | undefined {
  const rule = rules.find((row) => (item.kind === 'pass' ? row.fare_product_id : row.cap_id) === item.id);
  const method = rule?.method ?? (item.kind === 'pass' ? 'boardings' : 'own');
  const rides = new Map(rows.map((row) => [row.carrierId, row.boardings]));
  const parts = method === 'own' ? ownParts(rows) : divided(minor, method, rows, rule?.weights);
  // Corrections of earlier periods may leave a cap without any ride: then each carrier takes back its own.
  const found = parts ?? (item.kind === 'cap' ? ownParts(rows) : undefined);
  if (found === undefined) return undefined;
  const entries = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    item,
    method,
    parts: new Map(entries.map(([id, part]) => [id, { minor: part, rides: rides.get(id) ?? 0 }])),
  };
}

function ownParts(rows: readonly Boardings[]): ReadonlyMap<string, bigint> {
  return new Map(rows.map((row) => [row.carrierId, row.ownMinor]));
}

function divided(
  minor: bigint,
  method: SplitRule['method'],
  rows: readonly Boardings[],
  weights: SplitRule['weights'],
): ReadonlyMap<string, bigint> | undefined {
  const bp = new Map(weights?.map(({ agency_id, weight_bp }) => [agency_id, BigInt(weight_bp)]));
  if (method === 'weight') return divide(minor, bp);
  const counted = rows.map((row): [string, bigint] => {
    const count = method === 'first' ? row.firsts : row.boardings;
    return [row.carrierId, BigInt(Math.max(0, count)) * (bp.get(row.carrierId) ?? ONE_BP)];
  });
  return divide(minor, new Map(counted));
}
