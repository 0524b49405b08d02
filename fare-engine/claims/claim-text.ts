/**
 * A version of a claim: the exact bytes that are kept, hashed, witnessed by the audit log and agreed to. Lines never change after
 * the first version; what objections brought stands beside them as corrections.
 */
import { type Static, Type } from 'typebox';
import { keyed } from '#contracts/keyed.ts';
import { parserOf } from '#contracts/parse.ts';
import type { ClaimDraft, ClaimLine } from './model.ts';

const Digits = Type.String({ pattern: '^(0|-?[1-9][0-9]*)$' });
const Maybe = Type.Union([Type.String(), Type.Null()]);

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
      rule: Type.Union([
        keyed('^[a-z_]{1,40}$', Type.Union([Type.String(), Type.Integer()]), { maxProperties: 16 }),
        Type.Null(),
      ]),
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
    }),
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
  const { lines, ...party } = draft;
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
    lines: lines.filter(saysSomething).map(textOfLine),
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

/** A line whose taps were only decided anew with the same result says nothing. */
function saysSomething(line: ClaimLine): boolean {
  const sums = [line.concessionMinor, line.units, line.fundedUnits];
  return line.rides !== 0 || line.transfers !== 0 || sums.some((sum) => sum !== 0n);
}

function textOfLine(line: ClaimLine): ClaimText['lines'][number] {
  const { rule, reasons, ...rest } = line;
  const text = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : value]),
  );
  return {
    ...text,
    rule: rule === null ? null : ruleText(rule),
    reasons: [...reasons],
  } as ClaimText['lines'][number];
}

const RULE_FIELDS = [
  'compensation_id',
  'basis',
  'reference_media_id',
  'rate_minor',
  'coef_bp',
  'vat',
  'vat_bp',
  'round_mode',
  'monthly_limit_minor',
  'act',
  'article',
] as const;

function ruleText(rule: NonNullable<ClaimLine['rule']>): Record<string, string | number> {
  return Object.fromEntries(
    RULE_FIELDS.flatMap((name) => (rule[name] === undefined ? [] : [[name, rule[name]]])),
  ) as Record<string, string | number>;
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
