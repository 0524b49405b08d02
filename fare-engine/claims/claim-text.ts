/**
 * A version of a claim: the exact bytes that are kept, hashed, witnessed by the audit log and agreed to. Lines never change after
 * the first version; what objections brought stands beside them as corrections.
 */
import { type Static, Type } from 'typebox';
import { parserOf } from '#contracts/parse.ts';
import { CompensationRow } from '#pricing/compensation.ts';
import type { ClaimDraft, ClaimLine } from './model.ts';

const Digits = Type.String({ pattern: '^(0|-?[1-9][0-9]*)$' });
const Maybe = Type.Union([Type.String(), Type.Null()]);

/** The row of compensation.yaml that a line follows. */
export const RuleText = Type.Object({
  compensation_id: Type.String(),
  concession_id: Type.Optional(Type.String()),
  agency_id: Type.Optional(Type.String()),
  basis: CompensationRow.properties.basis,
  reference_media_id: Type.Optional(Type.String()),
  rate_minor: CompensationRow.properties.rate_minor,
  coef_bp: CompensationRow.properties.coef_bp,
  vat: CompensationRow.properties.vat,
  vat_bp: CompensationRow.properties.vat_bp,
  round_mode: CompensationRow.properties.round_mode,
  monthly_limit_minor: CompensationRow.properties.monthly_limit_minor,
  valid_from: Type.String(),
  /** Absent: it has no end. */
  valid_to: Type.Optional(Type.String()),
  act: Type.String(),
  article: Type.String(),
});
export type RuleText = Static<typeof RuleText>;

/** Why a claim asks for another sum than the ledger's budget account holds. */
export type Difference =
  | 'rate'
  | 'fixed-sum'
  | 'coefficient'
  | 'vat'
  | 'reference-medium'
  | 'limit'
  | 'no-rule'
  | 'no-reference-price'
  | 'rounding'
  | 'objections';

export const ClaimText = Type.Object({
  v: Type.Literal(1),
  kind: Type.Literal('compensation-claim'),
  city: Type.String(),
  claimId: Type.String(),
  version: Type.Integer({ minimum: 1 }),
  /** Hash of the version before, hex. */
  supersedes: Maybe,
  period: Type.String(),
  carrierId: Type.String(),
  fundingId: Type.String(),
  currency: Type.String(),
  madeBy: Type.String(),
  madeAtMs: Type.Integer(),
  /** What the ledger says the payer owes for the same rides, and why the claim asks for another sum; empty = it does not. */
  ledgerMinor: Digits,
  differsBy: Type.Array(Type.String()),
  lines: Type.Array(
    Type.Object({
      lineId: Type.String(),
      origin: Type.String(),
      concessionId: Maybe,
      riderCategoryId: Maybe,
      routeId: Maybe,
      packageHash: Maybe,
      rule: Type.Union([RuleText, Type.Null()]),
      unitsPerMinor: Digits,
      rides: Type.Integer(),
      transfers: Type.Integer(),
      concessionMinor: Digits,
      units: Digits,
      fundedUnits: Digits,
      amountMinor: Digits,
      claimedMinor: Digits,
      unfundedMinor: Digits,
      vatMinor: Digits,
      reasons: Type.Array(Type.String()),
      /** The month's fixed sum of the rule is in it. */
      fixedSum: Type.Optional(Type.Boolean()),
    }),
  ),
  /** Full prices that differences were taken to, or from, by package, product and medium; `null` = the product has none. */
  prices: Type.Optional(
    Type.Array(
      Type.Object({
        packageHash: Type.String(),
        fareProductId: Type.String(),
        fareMediaId: Maybe,
        minor: Type.Union([Digits, Type.Null()]),
      }),
    ),
  ),
  /** Of rules with a limit: what the month's claims of other carriers use of it, in units. */
  limits: Type.Optional(
    Type.Array(Type.Object({ compensationId: Type.String(), elsewhereUnits: Digits, unitsPerMinor: Digits })),
  ),
  /** Of this claim, or of an earlier one of the same parties. */
  corrections: Type.Array(
    Type.Object({ objectionId: Type.String(), claimId: Type.String(), lineId: Type.String(), minor: Digits }),
  ),
  rides: Type.Integer(),
  claimedMinor: Digits,
  unfundedMinor: Digits,
});
export type ClaimText = Static<typeof ClaimText>;

/** Reads the bytes of a claim. */
export const parseClaim = parserOf(ClaimText);

/** What stands around the lines. */
export interface ClaimFrame {
  readonly city: string;
  readonly period: string;
  readonly madeBy: string;
  readonly madeAtMs: number;
  readonly ledgerMinor: bigint;
  readonly corrections: ClaimText['corrections'];
}

/** The first version of a claim. */
export function firstVersion(draft: ClaimDraft, frame: ClaimFrame): ClaimText {
  const { lines, prices, limits, ...party } = draft;
  const { ledgerMinor, corrections, ...around } = frame;
  return {
    v: 1,
    kind: 'compensation-claim',
    ...around,
    ...party,
    version: 1,
    supersedes: null,
    ledgerMinor: ledgerMinor.toString(),
    differsBy: differencesOf(lines, corrections, ledgerMinor),
    lines: lines.map(textOfLine),
    prices: prices.map(digitsOf),
    limits: limits.map(digitsOf),
    corrections,
    ...totalsOf(lines, corrections),
  };
}

/** The version after an accepted objection. */
export function nextVersion(
  before: ClaimText,
  change: { sha256: string; madeBy: string; madeAtMs: number; correction: ClaimText['corrections'][number] },
): ClaimText {
  const corrections = [...before.corrections, change.correction];
  const claimedMinor = BigInt(before.claimedMinor) + BigInt(change.correction.minor);
  const differsBy = [...new Set([...before.differsBy, 'objections'])];
  return {
    ...before,
    version: before.version + 1,
    supersedes: change.sha256,
    madeBy: change.madeBy,
    madeAtMs: change.madeAtMs,
    corrections,
    claimedMinor: claimedMinor.toString(),
    differsBy: claimedMinor.toString() === before.ledgerMinor ? [] : differsBy,
  };
}

/** The bytes. */
export const claimBytes = (claim: ClaimText): string => `${JSON.stringify(claim, null, 2)}\n`;

/** What a claim asks for in all: its lines and its corrections. */
export function totalsOf(
  lines: readonly Pick<ClaimLine, 'rides' | 'claimedMinor' | 'unfundedMinor'>[],
  corrections: ClaimText['corrections'],
): Pick<ClaimText, 'rides' | 'claimedMinor' | 'unfundedMinor'> {
  const claimed = lines.reduce((sum, line) => sum + line.claimedMinor, 0n);
  const corrected = corrections.reduce((sum, { minor }) => sum + BigInt(minor), claimed);
  const unfunded = lines.reduce((sum, line) => sum + line.unfundedMinor, 0n);
  const rides = lines.reduce((sum, line) => sum + line.rides, 0);
  return { rides, claimedMinor: corrected.toString(), unfundedMinor: unfunded.toString() };
}

/** Amounts as digits. */
function digitsOf<T extends object>(
  row: T,
): { [K in keyof T]: bigint extends T[K] ? Exclude<T[K], bigint> | string : T[K] } {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : value]),
  ) as ReturnType<typeof digitsOf<T>>;
}

function textOfLine({ rule, reasons, fixedSum, ...line }: ClaimLine): ClaimText['lines'][number] {
  return {
    ...digitsOf(line),
    rule: rule === null ? null : ruleText(rule),
    reasons: [...reasons],
    ...(fixedSum && { fixedSum }),
  };
}

function ruleText(rule: NonNullable<ClaimLine['rule']>): RuleText {
  return Object.fromEntries(
    Object.keys(RuleText.properties).flatMap((name) => {
      const value = rule[name as keyof typeof rule];
      return value === undefined || value === null ? [] : [[name, value]];
    }),
  ) as RuleText;
}

function differencesOf(
  lines: readonly ClaimLine[],
  corrections: ClaimText['corrections'],
  ledgerMinor: bigint,
): Difference[] {
  const claimed = lines.reduce((sum, line) => sum + line.claimedMinor, 0n);
  const corrected = corrections.reduce((sum, { minor }) => sum + BigInt(minor), claimed);
  if (corrected === ledgerMinor) return [];
  const found = new Set<Difference>(lines.flatMap((line) => line.reasons));
  for (const { rule, units, unitsPerMinor } of lines) {
    if (rule?.basis === 'rate') found.add('rate');
    if (rule?.basis === 'fixed_monthly') found.add('fixed-sum');
    if (rule?.reference_media_id !== undefined) found.add('reference-medium');
    if (rule !== null && rule.coef_bp !== 10_000) found.add('coefficient');
    if (rule?.vat === 'excluded' || rule?.vat === 'added') found.add('vat');
    if (units % unitsPerMinor !== 0n) found.add('rounding');
  }
  if (corrections.length > 0) found.add('objections');
  return [...found].sort();
}
