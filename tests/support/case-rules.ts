/**
 * Which rules of a package begin, end or change on which dates, and which of these no case meets on both sides: within a day
 * before and a day after the date, and by name where the rule holds.
 */
import { startOfLocalDateMs } from '#pricing/fare-day.ts';
import { compareText } from '#pricing/file-problem.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';

export const DAY_MS = 24 * 3_600_000;

/** A rule as it holds from one instant to another, with everything that it says but its dates. */
interface Rule {
  readonly id: string;
  readonly says: string;
  readonly fromMs: number;
  /** `null` = open. */
  readonly untilMs: number | null;
}

type Row = Readonly<Record<string, unknown>>;

/** Rules of a package by the ids under which explanations name them. */
export function rulesOf(tariff: TariffPackage, untilMs: number | null): Rule[] {
  const { zone } = tariff.tariff;
  const { feed } = tariff.pricer;
  const day = (date: unknown) =>
    typeof date === 'string' ? (startOfLocalDateMs(date, zone) as number) : null;
  const rule = (id: string, row: object): Rule => {
    const { valid_from: from, valid_to: to, line: _, names: _n, ...says } = row as Row;
    const ends = [untilMs, day(to)].filter((ms) => ms !== null);
    return {
      id,
      says: JSON.stringify(says, (_k, v: unknown) => (typeof v === 'bigint' ? String(v) : v)),
      fromMs: Math.max(tariff.validFromMs, day(from) ?? 0),
      untilMs: ends.length === 0 ? null : Math.min(...ends),
    };
  };
  const prices = (productId: string) =>
    (feed.products.get(productId) ?? [])
      .filter(({ line }) => line > 0)
      .map(({ mediaId, categoryId, amountMinor }) => [mediaId, categoryId, String(amountMinor)]);
  const sold = tariff.productTerms.filter(
    ({ kind }) => kind === 'pass' || kind === 'carnet' || kind === 'bag',
  );
  return [
    ...feed.legRules
      .filter(({ productId }) => !tariff.heldTerms.has(productId))
      .map((leg) => rule(leg.ruleId, { ...leg, prices: prices(leg.productId) })),
    ...feed.transferRules.map((row) =>
      rule(row.ruleId, { ...row, transferCount: String(row.transferCount) }),
    ),
    ...tariff.concessions.map(({ validFromMs: _f, validUntilMs: _u, ...row }) =>
      rule(row.concession_id, row),
    ),
    ...tariff.caps.map(({ calendar: _c, ...row }) => rule(row.cap_id, row)),
    ...tariff.breakdownRules.map((row) => rule(row.rule_id, row)),
    ...tariff.emergency.map(({ validFromMs: _f, validUntilMs: _u, ...row }) => rule(row.rule_id, row)),
    ...sold.map((row) => rule(row.fare_product_id, { ...row, prices: prices(row.fare_product_id) })),
  ];
}

/** A date on which a rule begins, ends or is another one. */
export interface Border {
  readonly id: string;
  readonly atMs: number;
  readonly before: boolean;
  readonly after: boolean;
}

export function bordersOf(rules: readonly Rule[]): Border[] {
  return [...Map.groupBy(rules, (rule) => rule.id)].flatMap(([id, versions]) => {
    const instants = [...new Set(versions.flatMap((r) => [r.fromMs, r.untilMs]))].filter((ms) => ms !== null);
    return instants.flatMap((atMs) => {
      const before = versions.find((r) => r.fromMs < atMs && (r.untilMs === null || r.untilMs >= atMs));
      const after = versions.find((r) => r.fromMs <= atMs && (r.untilMs === null || r.untilMs > atMs));
      if (before?.says === after?.says) return [];
      return [{ id, atMs, before: before !== undefined, after: after !== undefined }];
    });
  });
}

/** When a case rides, and which ids the ride's line names. */
export interface Touched {
  readonly atMs: number;
  readonly ids: ReadonlySet<string>;
}

export function idsOf(value: unknown, ids: Set<string> = new Set()): Set<string> {
  if (typeof value === 'string') ids.add(value);
  else if (value !== null && typeof value === 'object')
    for (const part of Object.values(value)) idsOf(part, ids);
  return ids;
}

/** Borders without a case that rides within a day on either side, and meets the rule where it holds. */
export function missing(borders: readonly Border[], cases: readonly (readonly Touched[])[]): string[] {
  return borders
    .filter(({ id, atMs, before, after }) => {
      const near = (ride: Touched, side: -1 | 1) =>
        side < 0
          ? ride.atMs < atMs && ride.atMs >= atMs - DAY_MS
          : ride.atMs >= atMs && ride.atMs < atMs + DAY_MS;
      const met = (rides: readonly Touched[], side: -1 | 1, holds: boolean) =>
        rides.some((ride) => near(ride, side) && (!holds || ride.ids.has(id)));
      return !cases.some((rides) => met(rides, -1, before) && met(rides, 1, after));
    })
    .map(({ id, atMs }) => `${new Date(atMs).toISOString()} ${id}`)
    .sort(compareText);
}
