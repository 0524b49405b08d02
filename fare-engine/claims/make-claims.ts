/**
 * Decisions of a settled month to claims, a pure fold: entries come in the order of {@link compareEntries}, so limits are used up
 * by the time of the ride and the tap's id, whatever order the taps arrived in. Memory follows the lines, not the taps.
 */
import { createHash } from 'node:crypto';
import { type CompensationRow, compensationRowOf, holdsOn } from '#pricing/compensation.ts';
import { compareText } from '#pricing/file-problem.ts';
import { lastDayOf, type SettlementPeriod } from '../settlement/period.ts';
import { Limits } from './limits.ts';
import {
  type ClaimDraft,
  type ClaimEntry,
  type ClaimLine,
  type ClaimPrice,
  type ClaimTap,
  claimIdOf,
  type LeftOut,
  type TakenMoney,
  type UnfundedReason,
} from './model.ts';
import { basisOf, comparesPrices, factorOf, roundUnits, vatWithin } from './money.ts';

/** What claims need of a tariff package. */
export interface ClaimPackage {
  readonly hash: string;
  readonly compensation: readonly CompensationRow[];
  /** Full price of a product with a medium; `null` = it has none. */
  priceOf(fareProductId: string, fareMediaId: string | null): bigint | null;
}

export interface ClaimTerms {
  readonly period: SettlementPeriod;
  readonly currency: string;
  packageOf(hash: string): ClaimPackage | undefined;
  /** The package in force at the month's end: its fixed sums are due. */
  readonly last: ClaimPackage | undefined;
}

export interface ClaimFold {
  /** What the entry is worth; `null` = no claim has it. */
  add(entry: ClaimEntry): ClaimTap | null;
  finish(): { readonly claims: readonly ClaimDraft[]; readonly leftOut: readonly LeftOut[] };
}

/** What is taken back first, then rides by time, tap and revision. */
export function compareEntries(a: ClaimEntry, b: ClaimEntry): number {
  return (
    a.sign - b.sign || a.fareAtMs - b.fareAtMs || compareText(a.tapId, b.tapId) || a.revision - b.revision
  );
}

type OpenLine = {
  -readonly [K in keyof ClaimLine]: ClaimLine[K];
} & { readonly claimId: string; readonly because: Set<UnfundedReason> };
type Party = Pick<ClaimDraft, 'carrierId' | 'fundingId' | 'currency'>;

/** Begins the claims of a month. */
export function createClaimFold(terms: ClaimTerms): ClaimFold {
  const lines = new Map<string, OpenLine>();
  const parties = new Map<string, Party>();
  const limits = new Limits();
  const prices = new Map<string, ClaimPrice & { readonly claimId: string }>();
  const left = new Map<string, { -readonly [K in keyof LeftOut]: LeftOut[K] }>();
  const lineOf = (party: Party, key: LineKey): OpenLine => {
    const claimId = claimIdOf(terms.period.id, party.carrierId, party.fundingId, party.currency);
    parties.set(claimId, party);
    const lineId = lineIdOf(claimId, key);
    const open = lines.get(lineId) ?? openLine(claimId, lineId, key);
    lines.set(lineId, open);
    return open;
  };
  return {
    add(entry) {
      const { carrierId, fundingId, currency, sign } = entry;
      if (carrierId === null || fundingId === null || (sign < 0 && entry.earlier === null)) {
        leaveOut(left, entry);
        return null;
      }
      const money = sign < 0 ? takenBack(entry.earlier as TakenMoney) : worth(entry, terms, limits);
      const hash = sign < 0 ? money.packageHash : entry.packageHash;
      const rule = ruleOf(terms, hash, money.compensationId);
      const line = lineOf({ carrierId, fundingId, currency }, keyOf(entry, hash, rule, money.unitsPerMinor));
      if (rule !== null) limits.use(line.claimId, rule, money.fundedUnits, money.unitsPerMinor);
      for (const price of pricesOf(entry, rule, hash, terms))
        prices.set(
          JSON.stringify([line.claimId, price.packageHash, price.fareProductId, price.fareMediaId]),
          {
            claimId: line.claimId,
            ...price,
          },
        );
      count(line, entry, money);
      return { ...money, claimId: line.claimId, entry, lineId: line.lineId };
    },
    finish() {
      addFixedSums(terms, limits, lineOf);
      const closed = closeLines([...lines.values()]);
      const claims = [...parties].map(([claimId, party]) => {
        const own = closed.filter((line) => line.claimId === claimId).map(({ claimId: _, ...line }) => line);
        const compared = [...prices.entries()]
          .filter(([, price]) => price.claimId === claimId)
          .sort(([a], [b]) => compareText(a, b))
          .map(([, { claimId: _, ...price }]) => price);
        return {
          claimId,
          ...party,
          lines: own.sort(byLine),
          prices: compared,
          limits: limits.elsewhere(claimId),
        };
      });
      claims.sort((a, b) => compareText(a.claimId, b.claimId));
      return { claims, leftOut: [...left.values()] };
    },
  };
}

type LineKey = Pick<
  ClaimLine,
  'origin' | 'concessionId' | 'riderCategoryId' | 'routeId' | 'packageHash' | 'rule' | 'unitsPerMinor'
>;

function keyOf(
  entry: ClaimEntry,
  packageHash: string | null,
  rule: CompensationRow | null,
  unitsPerMinor: bigint,
): LineKey {
  const { concessionId, riderCategoryId, routeId } = entry;
  return {
    origin: entry.fareDay.slice(0, 7),
    concessionId,
    riderCategoryId,
    routeId,
    packageHash,
    rule,
    unitsPerMinor,
  };
}

function lineIdOf(claimId: string, key: LineKey): string {
  const { origin, concessionId, riderCategoryId, routeId, packageHash, rule } = key;
  const parts = [
    claimId,
    origin,
    concessionId,
    riderCategoryId,
    routeId,
    packageHash,
    rule?.compensation_id ?? null,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

function openLine(claimId: string, lineId: string, key: LineKey): OpenLine {
  const none = { concessionMinor: 0n, units: 0n, fundedUnits: 0n, amountMinor: 0n, claimedMinor: 0n };
  const counts = { rides: 0, transfers: 0, unfundedMinor: 0n, vatMinor: 0n, reasons: [], fixedSum: false };
  return { claimId, lineId, ...key, ...none, ...counts, because: new Set() };
}

function ruleOf(terms: ClaimTerms, hash: string | null, id: string | null): CompensationRow | null {
  if (hash === null || id === null) return null;
  return terms.packageOf(hash)?.compensation.find((row) => row.compensation_id === id) ?? null;
}

function takenBack(earlier: TakenMoney): TakenMoney {
  return { ...earlier, units: -earlier.units, fundedUnits: -earlier.fundedUnits };
}

/** What a ride is worth by the rule that holds for it, and how much of that its limit leaves. */
function worth(entry: ClaimEntry, terms: ClaimTerms, limits: Limits): TakenMoney {
  const { fundingId, concessionId, carrierId, fareDay: day, packageHash } = entry;
  const tariff = packageHash === null ? undefined : terms.packageOf(packageHash);
  const ask = { fundingId: fundingId as string, concessionId, carrierId: carrierId as string, day };
  const row = compensationRowOf(tariff?.compensation ?? [], ask);
  const none = { claimId: '', compensationId: null, packageHash, unitsPerMinor: 1n, fundedUnits: 0n };
  if (tariff === undefined || row === undefined)
    return { ...none, units: entry.concessionMinor, reason: 'no-rule' };
  const compensationId = row.compensation_id;
  const { times, unitsPerMinor } = factorOf(row);
  const amount = basisOf(entry, row, (mediaId) => tariff.priceOf(entry.fareProductId ?? '', mediaId));
  if (amount === null) {
    const units = entry.concessionMinor * times;
    return { ...none, compensationId, unitsPerMinor, units, reason: 'no-reference-price' };
  }
  const units = amount * times;
  const funded = limits.within(row, units, unitsPerMinor);
  const reason = funded < units ? ('limit' as const) : null;
  return { ...none, compensationId, unitsPerMinor, units, fundedUnits: funded, reason };
}

/** What a line's rule compares of full prices: the reference medium's and the one that was used. */
function pricesOf(
  entry: ClaimEntry,
  rule: CompensationRow | null,
  packageHash: string | null,
  terms: ClaimTerms,
): ClaimPrice[] {
  if (rule === null || packageHash === null || !comparesPrices(entry, rule)) return [];
  const tariff = terms.packageOf(packageHash);
  const fareProductId = entry.fareProductId ?? '';
  return [rule.reference_media_id as string, entry.fareMediaId].map((fareMediaId) => {
    const minor = tariff?.priceOf(fareProductId, fareMediaId) ?? null;
    return { packageHash, fareProductId, fareMediaId, minor };
  });
}

function count(line: OpenLine, { sign, claimRide, concessionMinor }: ClaimEntry, money: TakenMoney): void {
  if (claimRide) line.rides += sign;
  else line.transfers += sign;
  line.concessionMinor += BigInt(sign) * concessionMinor;
  line.units += money.units;
  line.fundedUnits += money.fundedUnits;
  if (money.reason !== null) line.because.add(money.reason);
}

/**
 * Sums a month belong to no ride: one line for each rule that holds on every fare day of the month, as the package in force at
 * its end says it. A sum that begins or ends within the month is owed for no part of it.
 */
function addFixedSums(
  { period, last, currency }: ClaimTerms,
  limits: Limits,
  lineOf: (party: Party, key: LineKey) => OpenLine,
): void {
  for (const row of last?.compensation ?? []) {
    if (row.basis !== 'fixed_monthly' || row.agency_id === undefined || !holdsAllMonth(row, period)) continue;
    const { times, unitsPerMinor } = factorOf(row);
    const units = BigInt(row.rate_minor as number) * times;
    const party = { carrierId: row.agency_id, fundingId: row.funding_id, currency };
    const concessionId = row.concession_id ?? null;
    const key = { origin: period.id, concessionId, riderCategoryId: null, routeId: null, unitsPerMinor };
    const line = lineOf(party, { ...key, packageHash: last?.hash ?? null, rule: row });
    const funded = limits.within(row, units, unitsPerMinor);
    limits.use(line.claimId, row, funded, unitsPerMinor);
    line.fixedSum = true;
    line.units += units;
    line.fundedUnits += funded;
    if (funded < units) line.because.add('limit');
  }
}

function holdsAllMonth(row: CompensationRow, period: SettlementPeriod): boolean {
  return holdsOn(row, period.fromDay) && holdsOn(row, lastDayOf(period));
}

function leaveOut(
  left: Map<string, { -readonly [K in keyof LeftOut]: LeftOut[K] }>,
  entry: ClaimEntry,
): void {
  const { carrierId, fundingId, currency, sign } = entry;
  const key = JSON.stringify([carrierId, fundingId, currency]);
  const reason = fundingId === null ? ('no-funding' as const) : ('no-carrier' as const);
  const sum = left.get(key) ?? { reason, fundingId, carrierId, currency, rides: 0, concessionMinor: 0n };
  if (entry.claimRide) sum.rides += sign;
  sum.concessionMinor += BigInt(sign) * entry.concessionMinor;
  left.set(key, sum);
}

type ClosedLine = ClaimLine & { readonly claimId: string };

/** Rounds each line once. Where halves that were rounded up would pass a limit, they are taken off again, line by line. */
function closeLines(open: OpenLine[]): ClosedLine[] {
  open.sort((a, b) => compareText(a.lineId, b.lineId));
  for (const line of open) {
    const mode = line.rule?.round_mode;
    line.amountMinor = roundUnits(line.units, line.unitsPerMinor, mode);
    line.claimedMinor = roundUnits(line.fundedUnits, line.unitsPerMinor, mode);
  }
  for (const [, own] of Map.groupBy(open, (line) => line.rule?.compensation_id ?? '')) keepLimit(own);
  return open.map(({ because, ...line }) => ({
    ...line,
    unfundedMinor: line.amountMinor - line.claimedMinor,
    vatMinor: line.rule === null ? 0n : vatWithin(line.claimedMinor, line.rule),
    reasons: [...because].sort(),
  }));
}

function keepLimit(lines: OpenLine[]): void {
  const limits = lines.flatMap(({ rule }) => rule?.monthly_limit_minor ?? []);
  if (limits.length === 0) return;
  const limit = BigInt(Math.max(...limits));
  let over = lines.reduce((sum, line) => sum + line.claimedMinor, 0n) - limit;
  for (const line of lines) {
    if (over <= 0n) return;
    if (line.claimedMinor * line.unitsPerMinor <= line.fundedUnits) continue;
    line.claimedMinor -= 1n;
    line.because.add('limit');
    over -= 1n;
  }
}

function byLine(a: ClaimLine, b: ClaimLine): number {
  const key = (line: ClaimLine) =>
    JSON.stringify([line.origin, line.concessionId, line.riderCategoryId, line.routeId, line.lineId]);
  return compareText(key(a), key(b));
}
