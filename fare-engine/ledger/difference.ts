/**
 * Old price, new price → what to write: a decision that supersedes, reversals that name the old postings, and new
 * postings. Nothing when nothing changed, so working a fact off twice has no effect.
 */
import type { Decided, Decision, LineMoney, PlannedLine } from './decision.ts';
import { lineSha256, stepsText } from './decision.ts';
import { type Posting, postLine, reverse } from './post-line.ts';

export interface Difference {
  readonly decision: Decision;
  readonly postings: readonly Posting[];
}

/** When and under which lock a decision is made. */
export interface Occasion {
  readonly decidedAtMs: number;
  readonly accountVersion: bigint;
}

/** Difference between a tap's latest decision and its new line; `null` when they say the same. */
export function difference(old: Decided | null, planned: PlannedLine, occasion: Occasion): Difference | null {
  const steps = stepsText(planned.line);
  const hash = lineSha256(planned, steps);
  if (old !== null && old.lineSha256 === hash) return null;
  const revision = (old?.revision ?? 0) + 1;
  // Postings name their fare day: those of a tap that took place on another one are made anew there.
  const moved = old === null || old.fareDay !== planned.fareDay || !sameMoney(old, planned);
  const decision: Decision = {
    ...moneyOf(planned),
    tapId: planned.tapId,
    fareDay: planned.fareDay,
    revision,
    supersedes: old?.revision ?? null,
    kind: planned.line.kind,
    line: planned.line,
    vehicleId: planned.vehicleId,
    route: planned.route,
    steps,
    lineSha256: hash,
    // Where neither amount nor day moved, the old postings stand for the new decision too.
    postedRevision: moved ? revision : old.postedRevision,
    adjustsClose: planned.adjustsClose,
    ...occasion,
  };
  const postings = moved ? [...undo(old, revision), ...postLine(planned.tapId, revision, planned)] : [];
  return { decision, postings };
}

/** A tap left its account (its medium was linked elsewhere); `null` when that was written already. */
export function withdrawal(old: Decided, occasion: Occasion): Difference | null {
  if (old.kind === 'withdrawn') return null;
  const revision = old.revision + 1;
  const decision: Decision = {
    ...moneyOf(old),
    riderMinor: 0n,
    concessionMinor: 0n,
    lossMinor: 0n,
    capMinor: 0n,
    penalty: false,
    tapId: old.tapId,
    fareDay: old.fareDay,
    revision,
    supersedes: old.revision,
    kind: 'withdrawn',
    line: null,
    vehicleId: null,
    route: null,
    steps: '[]',
    lineSha256: '0'.repeat(64),
    postedRevision: revision,
    adjustsClose: null,
    ...occasion,
  };
  return { decision, postings: undo(old, revision) };
}

function undo(old: Decided | null, revision: number): Posting[] {
  if (old === null) return [];
  // The old postings follow from the old decision: they need not be read again.
  return postLine(old.tapId, old.postedRevision, old).map((posting) => reverse(posting, revision));
}

function sameMoney(a: LineMoney, b: LineMoney): boolean {
  const [x, y] = [moneyOf(a), moneyOf(b)];
  return (Object.keys(x) as (keyof LineMoney)[]).every((key) => x[key] === y[key]);
}

function moneyOf(source: LineMoney): LineMoney {
  const { accountId, carrierId, fundingId, currency, penalty } = source;
  const { riderMinor, concessionMinor, lossMinor, capMinor } = source;
  return {
    accountId,
    carrierId,
    fundingId,
    currency,
    penalty,
    riderMinor,
    concessionMinor,
    lossMinor,
    capMinor,
  };
}
