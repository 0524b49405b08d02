/** A decision: the price of one tap as it is written down, and what a later one must know of it. */
import { sha256Hex } from '#contracts/hash-chain.ts';
import type { PricedLine } from '#pricing/model.ts';
import type { Place } from '../facts/assign.ts';

/** What moves money, and nothing else. */
export interface LineMoney {
  readonly accountId: string;
  readonly carrierId: string | null;
  readonly fundingId: string | null;
  readonly currency: string;
  readonly riderMinor: bigint;
  readonly concessionMinor: bigint;
  /** Part of riderMinor that came too late to be charged. */
  readonly lossMinor: bigint;
  /** What caps took off: the carrier earns it all the same, until the settlement shares it. */
  readonly capMinor: bigint;
  /** The rider's part is a penalty: the carrier does not earn it. */
  readonly penalty: boolean;
}

/** The latest decision of a tap, as far as the next needs it. */
export interface Decided extends LineMoney {
  readonly tapId: string;
  readonly revision: number;
  readonly fareDay: string;
  /** `withdrawn`: the tap was taken from this account and not yet given to another. */
  readonly kind: PricedLine['kind'] | 'withdrawn';
  /** Hex. */
  readonly lineSha256: string;
  readonly postedRevision: number;
}

/** By which fact the route stands; part of what a line says. */
export type RouteNote = Pick<Place, 'tripId' | 'directionId' | 'routeBy' | 'routeFactId'>;

/** A decision to be written. */
export interface Decision extends Decided {
  readonly supersedes: number | null;
  readonly accountVersion: bigint;
  readonly vehicleId: string | null;
  /** `null` for a withdrawal. */
  readonly route: RouteNote | null;
  /** `null` for a withdrawal. */
  readonly line: PricedLine | null;
  /** Exact text of the steps (JSON). */
  readonly steps: string;
  /** Fare day of the close that this adjusts; `null` while the day is open. */
  readonly adjustsClose: string | null;
  readonly decidedAtMs: number;
}

/** What a tap shall cost from now on. */
export interface PlannedLine extends LineMoney {
  readonly tapId: string;
  readonly fareDay: string;
  readonly line: PricedLine;
  readonly vehicleId: string | null;
  readonly route: RouteNote;
  readonly adjustsClose: string | null;
}

/** Steps as they are stored and hashed: amounts as digit strings. */
export function stepsText(line: PricedLine): string {
  return JSON.stringify(
    line.steps.map((step) => ({
      kind: step.kind,
      ruleId: step.ruleId,
      act: step.act,
      article: step.article,
      beforeMinor: step.beforeMinor.toString(),
      afterMinor: step.afterMinor.toString(),
      params: step.params,
    })),
  );
}

/** Hash over everything a line says, to see whether a tap's price or its reasons changed. Hex. */
export function lineSha256(planned: PlannedLine, steps: string): string {
  const { line } = planned;
  const parts = [
    planned.accountId,
    planned.fareDay,
    planned.vehicleId,
    planned.route.tripId,
    planned.route.directionId,
    planned.route.routeBy,
    planned.route.routeFactId,
    planned.lossMinor,
    line.kind,
    line.packageHash,
    line.fareMediaId,
    line.fareProductId,
    line.riderCategoryId,
    line.networkId,
    line.carrierId,
    line.routeId,
    line.currency,
    line.grossMinor,
    line.riderMinor,
    line.transferMinor,
    line.concessionMinor,
    line.passMinor,
    line.capMinor,
    line.concessionId,
    line.fundingId,
    line.claimRide,
    steps,
  ];
  // Lengths part the values, so that no two lines share a text.
  let text = '';
  for (const part of parts) {
    if (text !== '') text += ' ';
    if (part === null) text += '-';
    else {
      const said = typeof part === 'string' ? part : String(part);
      text += `${said.length}:${said}`;
    }
  }
  return sha256Hex(text);
}
