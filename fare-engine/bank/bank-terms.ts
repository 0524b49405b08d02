/**
 * What the city and its acquirer have agreed on for bank cards (`bank-terms.yaml` of a tariff package), and which package's
 * terms hold. Days that are gathered go by the terms of the oldest of them, as the city knows them when it plans; a payment goes by
 * these until its end, whatever is activated afterwards (0174).
 */
import type { BankTermsFile } from '#pricing/bank-terms.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';

/** `bank-terms.yaml` with amounts as amounts; what each field means, pricing/bank-terms.ts says. */
export interface BankTerms {
  readonly nominalMinor: bigint;
  readonly nominalAgainAfterH: number;
  readonly windowDays: number;
  readonly gatherMinorMax: bigint;
  readonly creditWaitDays: number;
  readonly retryAfterH: readonly number[];
  readonly writeOffAfterDays: number;
  readonly firstRidesMinorMax: bigint;
  /** Answers after which the same may be asked once more. */
  readonly againCodes: ReadonlySet<string>;
  readonly currency: string;
}

export function bankTerms(file: BankTermsFile, currency: string): BankTerms {
  return {
    nominalMinor: BigInt(file.nominal_minor),
    nominalAgainAfterH: file.nominal_again_after_h,
    windowDays: file.window_days,
    gatherMinorMax: BigInt(file.gather_minor_max),
    creditWaitDays: file.credit_wait_days,
    retryAfterH: file.retry_after_h,
    writeOffAfterDays: file.write_off_after_days,
    firstRidesMinorMax: BigInt(file.first_rides_minor_max),
    againCodes: new Set(file.codes.filter(({ again }) => again).map(({ code }) => code)),
    currency,
  };
}

/** Whether a bank that has answered so may be asked again. */
export function mayAskAgain(code: string, { againCodes }: Pick<BankTerms, 'againCodes'>): boolean {
  return againCodes.has(code);
}

/** Terms by day and knowledge. */
export interface TermsBook {
  /**
   * Terms for a fare day, as the city knew them at an instant; without a day, for that of the instant. `null` = no package that was
   * known then has any.
   */
  of(fareDay: string | null, knownAsOfMs: number): BankTerms | null;
}

/** What a book needs of a city's calendar of fare days. */
interface Days {
  fareDayOf(instantMs: number): string;
  startOfMs(fareDay: string): number;
}

/**
 * The terms of a city's packages. A day has those of the package that is in force when it begins. Where that one has none, or none is in
 * force, the last package before it says them, else the first after it: what was ridden is owed, whatever a package forgot.
 */
export function termsBook(tariffs: () => TariffTimeline, days: Days): TermsBook {
  const made = new WeakMap<TariffPackage, BankTerms | null>();
  const termsOf = (one: TariffPackage): BankTerms | null => {
    const known = made.get(one);
    if (known !== undefined) return known;
    const terms = one.bankTerms === null ? null : bankTerms(one.bankTerms, one.tariff.currency);
    made.set(one, terms);
    return terms;
  };
  return {
    of(fareDay, knownAsOfMs) {
      const atMs = days.startOfMs(fareDay ?? days.fareDayOf(knownAsOfMs));
      const known = tariffs().asKnownAt(knownAsOfMs);
      const inForce = known.at(atMs);
      if (inForce !== undefined && inForce.bankTerms !== null) return termsOf(inForce);
      const some = known.packages.filter(({ bankTerms: terms }) => terms !== null);
      const nearest = some.findLast(({ validFromMs }) => validFromMs <= atMs) ?? some[0];
      return nearest === undefined ? null : termsOf(nearest);
    },
  };
}
