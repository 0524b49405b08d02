/** Lines and steps of journeys: the tap on leaving, a journey that was none, and how a charged one ended. */
import type { JourneyRole } from './journeys.ts';
import type { PricedLine, PriceStep, TapFact } from './model.ts';
import type { JourneyNote, PricedLeg } from './price-leg.ts';
import { emptyLine } from './priced-line.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { NetworkTapPolicy } from './tariff-schema.ts';

/** Line of a tap that is no ride of its own: an exit, or one of the two taps of a cancelled journey. */
export function lineOfJourneyTap(
  tap: TapFact,
  fareDay: string,
  tariff: TariffPackage,
  networkId: string | null,
  role: Extract<JourneyRole, { kind: 'exit' | 'cancelled' }>,
): PricedLine {
  const cancelled = role.kind === 'cancelled';
  const [tapId, atMs] = cancelled ? [role.other.tapId, role.other.atMs] : [role.entryTapId, role.entryAtMs];
  const apartMs = Math.abs(tap.fareAtMs - atMs);
  const policy = tariff.policyOf(networkId);
  const params = {
    state: role.kind,
    tap: tapId,
    minutes: String(Math.floor(apartMs / 60_000)),
    seconds: String(Math.floor(apartMs / 1000)),
    ...(cancelled ? { limitSeconds: String(policy.same_stop_cancel_s ?? 0) } : {}),
  };
  const line = emptyLine(tap, fareDay, cancelled ? 'unpriced' : 'same-ride', tariff);
  return { ...line, networkId, steps: [stepOf(policy, 0n, params)] };
}

/** How a charged journey ended; after its base price. */
export function journeyStep(tap: TapFact, leg: PricedLeg, note: JourneyNote): PriceStep {
  const { state, ref, policy, toStopId, arrivalMs, stopUnsure } = note;
  const missing = leg.riderMinor === 0n ? 'free' : leg.rule.legGroupId === '' ? 'flat' : 'max';
  const params = {
    state,
    ...(ref === null ? {} : { ref }),
    ...(toStopId === null ? {} : { stop: toStopId }),
    ...(stopUnsure ? { unsure: 'yes' } : {}),
    ...(note.penalty
      ? { missing, limitMinutes: String(Math.floor((policy.max_journey_s ?? 0) / 60)) }
      : { minutes: String(Math.floor(Math.max(0, arrivalMs - tap.fareAtMs) / 60_000)) }),
  };
  return stepOf(policy, leg.grossMinor, params);
}

/** What no budget owes of a concession, because a tap of the journey is missing; before the concession's own step. */
export function notOwedStep(leg: PricedLeg, { policy }: JourneyNote, afterMinor: bigint): PriceStep {
  const step = stepOf(policy, afterMinor, { state: 'not-owed' });
  return { ...step, beforeMinor: leg.referenceMinor };
}

function stepOf(policy: NetworkTapPolicy, minor: bigint, params: PriceStep['params']): PriceStep {
  return {
    kind: 'journey',
    ruleId: policy.network_id === '' ? 'tap-policy' : `tap-policy/${policy.network_id}`,
    act: policy.act,
    article: policy.article,
    beforeMinor: minor,
    afterMinor: minor,
    params,
  };
}

/** Whether what a line asks of the rider is a penalty for a missing tap, and no fare. */
export function isPenalty(line: Pick<PricedLine, 'steps'>): boolean {
  return line.steps.some(({ kind, params }) => kind === 'journey' && params['missing'] !== undefined);
}
