/**
 * Words of compensation claims. A claim asks one payer for what one carrier's concession rides of a month are worth. Money is
 * in minor units; before a line is rounded it is counted in units, `unitsPerMinor` of which make one minor unit, so that
 * coefficients and VAT lose nothing.
 */
import type { CompensationRow } from '#pricing/compensation.ts';

/** What a decision brings into a claim, or takes back from an earlier one. */
export interface ClaimEntry {
  readonly tapId: string;
  readonly revision: number;
  /** 1 comes in, -1 takes back what an earlier claim had of a decision that was superseded since. */
  readonly sign: 1 | -1;
  /** `null` = nobody knows whose vehicle it was: no claim has it. */
  readonly carrierId: string | null;
  readonly fundingId: string | null;
  readonly currency: string;
  readonly concessionId: string | null;
  readonly riderCategoryId: string | null;
  readonly routeId: string | null;
  readonly fareProductId: string | null;
  readonly fareMediaId: string | null;
  readonly packageHash: string | null;
  /** `YYYY-MM-DD` */
  readonly fareDay: string;
  readonly fareAtMs: number;
  /** A concession ride that is no transfer. */
  readonly claimRide: boolean;
  /** What the right took off the fare. */
  readonly concessionMinor: bigint;
  /** With sign -1: what the earlier claim had; `null` = no claim had it. */
  readonly earlier: TakenMoney | null;
}

/** Why a part of an amount is not asked for. */
export type UnfundedReason = 'limit' | 'no-rule' | 'no-reference-price';

/** What a tap is worth in a claim. */
export interface TakenMoney {
  readonly claimId: string;
  readonly compensationId: string | null;
  readonly packageHash: string | null;
  readonly unitsPerMinor: bigint;
  readonly units: bigint;
  /** Part of `units` that is asked for. */
  readonly fundedUnits: bigint;
  readonly reason: UnfundedReason | null;
}

/** A tap as a claim holds it. */
export interface ClaimTap extends TakenMoney {
  readonly entry: ClaimEntry;
  readonly lineId: string;
}

/** Rides of one right, category, route and month of origin, under one rule. */
export interface ClaimLine {
  readonly lineId: string;
  /** Month in which the rides took place; before the claim's, what came after that month's claim. */
  readonly origin: string;
  readonly concessionId: string | null;
  readonly riderCategoryId: string | null;
  readonly routeId: string | null;
  readonly packageHash: string | null;
  /** `null` = no rule says what is paid. */
  readonly rule: ClaimRule | null;
  readonly unitsPerMinor: bigint;
  /** Concession rides; a transfer is none. Signed: a correction takes back. */
  readonly rides: number;
  readonly transfers: number;
  /** What the right took off the fares: the sum of the decisions' concession steps. */
  readonly concessionMinor: bigint;
  readonly units: bigint;
  readonly fundedUnits: bigint;
  /** By the rule, rounded once. */
  readonly amountMinor: bigint;
  /** What is asked for. */
  readonly claimedMinor: bigint;
  readonly unfundedMinor: bigint;
  /** VAT within what is asked for. */
  readonly vatMinor: bigint;
  readonly reasons: readonly UnfundedReason[];
  /** The month's fixed sum of the rule is in it. */
  readonly fixedSum: boolean;
}

export type ClaimRule = Pick<
  CompensationRow,
  | 'compensation_id'
  | 'concession_id'
  | 'agency_id'
  | 'basis'
  | 'reference_media_id'
  | 'rate_minor'
  | 'coef_bp'
  | 'vat'
  | 'vat_bp'
  | 'round_mode'
  | 'monthly_limit_minor'
  | 'valid_from'
  | 'valid_to'
  | 'act'
  | 'article'
>;

/** A full price that a difference was taken to or from. */
export interface ClaimPrice {
  readonly packageHash: string;
  readonly fareProductId: string;
  readonly fareMediaId: string | null;
  /** `null` = the product has none with this medium. */
  readonly minor: bigint | null;
}

/** How much of a rule's limit the claims of other carriers use, in units of which so many make a minor unit. */
export interface ClaimLimit {
  readonly compensationId: string;
  readonly elsewhereUnits: bigint;
  readonly unitsPerMinor: bigint;
}

/** All lines of one carrier, payer and currency. */
export interface ClaimDraft {
  readonly claimId: string;
  readonly carrierId: string;
  readonly fundingId: string;
  readonly currency: string;
  readonly lines: readonly ClaimLine[];
  readonly prices: readonly ClaimPrice[];
  readonly limits: readonly ClaimLimit[];
}

/** Concession rides that no claim has, and why. */
export interface LeftOut {
  readonly reason: 'no-carrier' | 'no-funding';
  readonly fundingId: string | null;
  readonly carrierId: string | null;
  readonly currency: string;
  readonly rides: number;
  readonly concessionMinor: bigint;
}

/** Name of a claim; its versions are numbered. */
export function claimIdOf(period: string, carrierId: string, fundingId: string, currency: string): string {
  return [period, carrierId, fundingId, currency].map(encodeURIComponent).join(':');
}
