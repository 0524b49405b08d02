/** Lines of a claim from its rides up: what each ride is worth by the line's rule, what limits leave, rounding, VAT. Pure. */
import { holdsOn } from '#pricing/compensation.ts';
import { lastDayOf, parsePeriod } from '../settlement/period.ts';
import type { ClaimText, RuleText } from './claim-text.ts';
import { Misfit } from './misfit.ts';
import type { ClaimRule } from './model.ts';
import { basisOf, factorOf, Headroom, roundUnits, vatWithin } from './money.ts';
import type { ProvenRow } from './tap-rows.ts';

type Line = ClaimText['lines'][number];

interface Sums {
  rides: bigint;
  transfers: bigint;
  concession: bigint;
  units: bigint;
  funded: bigint;
  readonly reasons: Set<string>;
}

/** Where a limit begins to leave rides unpaid, by the hour. */
interface Cut {
  firstCutMs: number;
  lastPaidMs: number;
  /** Units of a minor one, of the rides that it leaves unpaid. */
  readonly units: Set<bigint>;
}

/** Collects the rides of a claim; memory follows the lines. */
export class LineChecker {
  readonly #claim: ClaimText;
  readonly #lines = new Map<
    string,
    { readonly line: Line; readonly rule: ClaimRule | null; readonly sums: Sums }
  >();
  readonly #prices: ReadonlyMap<string, bigint | null>;
  readonly #cuts = new Map<string, Cut>();

  /** @throws Misfit CLAIM_BUNDLE_AMOUNT, CLAIM_BUNDLE_CLAIM */
  constructor(claim: ClaimText) {
    this.#claim = claim;
    for (const line of claim.lines) {
      if (this.#lines.has(line.lineId)) throw misfit(line, 'stands twice', 'CLAIM_BUNDLE_CLAIM');
      const rule = line.rule === null ? null : ruleOf(line.rule);
      checkRule(line, rule, claim);
      const zero = { rides: 0n, transfers: 0n, concession: 0n, units: 0n, funded: 0n };
      this.#lines.set(line.lineId, { line, rule, sums: { ...zero, reasons: new Set() } });
    }
    this.#prices = new Map(
      (claim.prices ?? []).map(({ minor, ...price }) => [
        priceKey(price),
        minor === null ? null : BigInt(minor),
      ]),
    );
  }

  /** @throws Misfit CLAIM_BUNDLE_TAPS, CLAIM_BUNDLE_LEAF, CLAIM_BUNDLE_AMOUNT */
  add(row: ProvenRow): void {
    const found = this.#lines.get(row.lineId);
    if (found === undefined)
      throw new Misfit(
        'CLAIM_BUNDLE_TAPS',
        `tap ${row.name} belongs to a line ${row.lineId} that claim.json does not have`,
      );
    const { line, rule, sums } = found;
    checkPlace(row, line, rule, this.#claim);
    this.#checkWorth(row, rule);
    const { entry, sign, units, fundedUnits, reason } = row;
    if (entry.ride) sums.rides += sign;
    else sums.transfers += sign;
    sums.concession += sign * BigInt(entry.concession);
    sums.units += units;
    sums.funded += fundedUnits;
    if (reason !== null) sums.reasons.add(reason);
    if (rule?.monthly_limit_minor !== undefined && sign > 0n) this.#noteCut(row, rule);
  }

  /** After the last ride. @throws Misfit CLAIM_BUNDLE_AMOUNT, CLAIM_BUNDLE_LIMIT */
  finish(): void {
    for (const { line, rule, sums } of this.#lines.values()) checkLine(line, rule, sums);
    this.#checkLimits();
  }

  /** What the ride is worth by its rule, and whether it is paid whole. */
  #checkWorth({ entry, sign, units, fundedUnits, reason, name }: ProvenRow, rule: ClaimRule | null): void {
    const concessionMinor = BigInt(entry.concession);
    const { ride: claimRide, fareProductId, fareMediaId } = entry;
    const money = { claimRide, concessionMinor, fareProductId, fareMediaId };
    const basis =
      rule === null ? null : basisOf(money, rule, (mediaId) => this.#priceOf(entry, mediaId, name));
    const worth = (basis ?? concessionMinor) * (rule === null ? 1n : factorOf(rule).times);
    const unpaid = rule === null ? 'no-rule' : basis === null ? 'no-reference-price' : null;
    if (units !== sign * worth)
      throw new Misfit(
        'CLAIM_BUNDLE_AMOUNT',
        `tap ${name}: worth ${sign * worth} units by its rule, the row says ${units}`,
      );
    const paid = sign * fundedUnits;
    const fits =
      unpaid !== null
        ? reason === unpaid && paid === 0n
        : reason === null
          ? paid === worth
          : reason === 'limit' && rule?.monthly_limit_minor !== undefined && paid >= 0n && paid < worth;
    if (!fits)
      throw new Misfit(
        'CLAIM_BUNDLE_AMOUNT',
        `tap ${name}: of ${worth} units ${paid} are asked for, for no reason that holds`,
      );
  }

  #priceOf(
    { package: packageHash, fareProductId }: ProvenRow['entry'],
    fareMediaId: string | null,
    name: string,
  ) {
    const found = this.#prices.get(
      priceKey({ packageHash: packageHash ?? '', fareProductId: fareProductId ?? '', fareMediaId }),
    );
    if (found === undefined)
      throw new Misfit(
        'CLAIM_BUNDLE_AMOUNT',
        `tap ${name}: claim.json has no price of ${fareProductId} with ${fareMediaId}`,
      );
    return found;
  }

  /** A part of a unit that makes less than a minor one may go to a later ride, where a rule changed within the month. */
  #noteCut({ entry, reason, fundedUnits }: ProvenRow, rule: ClaimRule): void {
    const id = rule.compensation_id;
    const { unitsPerMinor } = factorOf(rule);
    const open = { firstCutMs: Number.POSITIVE_INFINITY, lastPaidMs: Number.NEGATIVE_INFINITY };
    const cut = this.#cuts.get(id) ?? { ...open, units: new Set() };
    if (reason === 'limit') cut.units.add(unitsPerMinor);
    if (reason === 'limit') cut.firstCutMs = Math.min(cut.firstCutMs, entry.hourMs);
    if (fundedUnits >= unitsPerMinor) cut.lastPaidMs = Math.max(cut.lastPaidMs, entry.hourMs);
    this.#cuts.set(id, cut);
  }

  #checkLimits(): void {
    const wrong = (id: string, what: string) => new Misfit('CLAIM_BUNDLE_LIMIT', `rule ${id}: ${what}`);
    const own = [...this.#lines.values()].filter(({ rule }) => rule?.monthly_limit_minor !== undefined);
    for (const [id, lines] of Map.groupBy(own, ({ rule }) => rule?.compensation_id ?? '')) {
      const elsewhere = this.#claim.limits?.find(({ compensationId }) => compensationId === id);
      if (elsewhere === undefined || BigInt(elsewhere.unitsPerMinor) <= 0n)
        throw wrong(id, 'claim.json does not say what others use of its limit');
      const used = new Headroom();
      used.use(BigInt(elsewhere.elsewhereUnits), BigInt(elsewhere.unitsPerMinor));
      for (const { line } of lines) used.use(BigInt(line.fundedUnits), BigInt(line.unitsPerMinor));
      const limit = BigInt(Math.max(...lines.map(({ rule }) => rule?.monthly_limit_minor ?? 0)));
      const { units, unitsPerMinor } = used.used();
      const asked = lines.some(({ line }) => BigInt(line.fundedUnits) > 0n);
      if (asked && units > limit * unitsPerMinor)
        throw wrong(id, `more than its limit of ${limit} is asked for`);
      const cut = this.#cuts.get(id);
      if (cut !== undefined && cut.lastPaidMs > cut.firstCutMs)
        throw wrong(id, 'a later ride is paid while an earlier one is not');
      const short = [
        ...(cut?.units ?? []),
        ...lines.filter(isCutSum).map(({ line }) => BigInt(line.unitsPerMinor)),
      ];
      const room = short.some((per) => used.left(limit, per) > 0n);
      if (room && sameLimit(lines)) throw wrong(id, 'a part is left unpaid while its limit has room');
    }
  }
}

const sameLimit = (lines: readonly { rule: ClaimRule | null }[]): boolean =>
  new Set(lines.map(({ rule }) => rule?.monthly_limit_minor)).size === 1;

const isCutSum = ({ line, rule, sums }: { line: Line; rule: ClaimRule | null; sums: Sums }): boolean =>
  BigInt(line.fundedUnits) - sums.funded < fixedUnits(line, rule);

/** The month's fixed sum in a line. */
function fixedUnits(line: Line, rule: ClaimRule | null): bigint {
  return line.fixedSum === true && rule !== null
    ? BigInt(rule.rate_minor as number) * factorOf(rule).times
    : 0n;
}

const priceKey = (price: {
  packageHash: string;
  fareProductId: string;
  fareMediaId: string | null;
}): string => JSON.stringify([price.packageHash, price.fareProductId, price.fareMediaId]);

function misfit(
  line: Line,
  what: string,
  code: 'CLAIM_BUNDLE_AMOUNT' | 'CLAIM_BUNDLE_CLAIM' = 'CLAIM_BUNDLE_AMOUNT',
) {
  return new Misfit(code, `line ${line.lineId}: ${what}`);
}

function ruleOf(text: RuleText): ClaimRule {
  return { ...text, valid_to: text.valid_to ?? null } as ClaimRule;
}

/** What a line's rule must be like before any ride is looked at. */
function checkRule(line: Line, rule: ClaimRule | null, { carrierId, period }: ClaimText): void {
  const per = rule === null ? 1n : factorOf(rule).unitsPerMinor;
  if (BigInt(line.unitsPerMinor) !== per) throw misfit(line, `${per} units of its rule make a minor one`);
  if (rule === null) {
    if (line.fixedSum === true) throw misfit(line, 'a fixed sum needs a rule');
    return;
  }
  if ((rule.basis === 'fare_difference') !== (rule.rate_minor === undefined))
    throw misfit(line, 'rate_minor belongs to rate and fixed_monthly');
  const other = rule.concession_id !== undefined && rule.concession_id !== line.concessionId;
  if (other || (rule.agency_id !== undefined && rule.agency_id !== carrierId))
    throw misfit(line, `the rule ${rule.compensation_id} is for another right or carrier`);
  if (line.fixedSum !== true) return;
  const month = parsePeriod(period);
  const days = month === undefined ? [] : [month.fromDay, lastDayOf(month)];
  const due = days.length > 0 && days.every((day) => holdsOn(rule, day));
  if (rule.basis !== 'fixed_monthly' || line.origin !== period || !due)
    throw misfit(line, `the rule ${rule.compensation_id} owes no fixed sum for ${period}`);
}

/** The ride stands in the line where the log says that it belongs. */
function checkPlace({ entry, name }: ProvenRow, line: Line, rule: ClaimRule | null, claim: ClaimText): void {
  const pairs: [string, string | null, string | null][] = [
    ['carrier', entry.carrierId, claim.carrierId],
    ['payer', entry.fundingId, claim.fundingId],
    ['currency', entry.currency, claim.currency],
    ['right', entry.concessionId, line.concessionId],
    ['category', entry.riderCategoryId, line.riderCategoryId],
    ['route', entry.routeId, line.routeId],
    ['tariff', entry.package, line.packageHash],
    ['month', entry.fareDay.slice(0, 7), line.origin],
  ];
  const wrong = pairs.find(([, log, said]) => log !== said);
  if (wrong !== undefined)
    throw new Misfit(
      'CLAIM_BUNDLE_LEAF',
      `tap ${name}: the log says ${wrong[0]} ${wrong[1]}, its line ${wrong[2]}`,
    );
  if (rule !== null && !holdsOn(rule, entry.fareDay))
    throw misfit(line, `the rule ${rule.compensation_id} does not hold on ${entry.fareDay}`);
}

/** Sums, rounding, VAT and reasons of a line. */
function checkLine(line: Line, rule: ClaimRule | null, sums: Sums): void {
  const whole = fixedUnits(line, rule);
  const fixedFunded = BigInt(line.fundedUnits) - sums.funded;
  if (fixedFunded < 0n || fixedFunded > whole)
    throw misfit(
      line,
      `${line.fundedUnits} funded units, its taps and fixed sum give ${sums.funded + whole}`,
    );
  const per = BigInt(line.unitsPerMinor);
  const found: [string, bigint, bigint][] = [
    ['rides', sums.rides, BigInt(line.rides)],
    ['transfers', sums.transfers, BigInt(line.transfers)],
    ['concession steps', sums.concession, BigInt(line.concessionMinor)],
    ['units', sums.units + whole, BigInt(line.units)],
    ['amount', roundUnits(BigInt(line.units), per, rule?.round_mode), BigInt(line.amountMinor)],
    ['unfunded', BigInt(line.amountMinor) - BigInt(line.claimedMinor), BigInt(line.unfundedMinor)],
    ['VAT', rule === null ? 0n : vatWithin(BigInt(line.claimedMinor), rule), BigInt(line.vatMinor)],
  ];
  const wrong = found.find(([, taps, said]) => taps !== said);
  if (wrong !== undefined)
    throw misfit(line, `${wrong[0]} ${wrong[1]} by its taps and its rule, ${wrong[2]} in the claim`);
  checkClaimed(line, rule, sums, fixedFunded < whole);
}

function checkClaimed(line: Line, rule: ClaimRule | null, sums: Sums, cutSum: boolean): void {
  const [per, funded] = [BigInt(line.unitsPerMinor), BigInt(line.fundedUnits)];
  const claimed = BigInt(line.claimedMinor);
  const whole = roundUnits(funded, per, rule?.round_mode);
  // Halves that were rounded up beyond a limit are taken off again: then one minor unit less.
  const limited = line.reasons.includes('limit') && rule?.monthly_limit_minor !== undefined;
  const less = limited && whole * per > funded && claimed === whole - 1n;
  if (claimed !== whole && !less) throw misfit(line, `claims ${claimed}, its taps give ${whole}`);
  const reasons = new Set(sums.reasons);
  if (cutSum || less) reasons.add('limit');
  if (JSON.stringify([...reasons].sort()) !== JSON.stringify([...line.reasons].sort()))
    throw misfit(
      line,
      `is unfunded for ${[...reasons].sort().join(', ') || 'no reason'}, it says ${line.reasons.join(', ')}`,
    );
}
