/** From the tariffs' word to a protocol: which rule holds, and what is written on the paper. Pure. */
import type { InspectionRule, PenaltyRule } from '#contracts/enrolment.ts';
import type { PenaltyProtocol } from '#contracts/record.ts';

/** Crockford's base 32: nothing in it is taken for something else when it is read out. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * The rule of an instant for a route: its own, else that of all others. Of a vehicle whose route nobody knows it is what
 * suits the passenger most in any of them: the longest window, and the lowest penalty, none where one rule asks none. It may
 * be a route of which no rule speaks, unless one speaks of all others.
 */
export function ruleFor(
  rules: readonly InspectionRule[],
  atMs: number,
  routeId: string | undefined,
): InspectionRule | undefined {
  const ofTime = rules.filter(
    ({ validFromMs, validUntilMs }) => validFromMs <= atMs && (validUntilMs === null || atMs < validUntilMs),
  );
  const others = ofTime.find(({ routeIds }) => routeIds === undefined);
  if (routeId === undefined) return others && mildest(ofTime);
  return ofTime.find(({ routeIds }) => routeIds?.includes(routeId)) ?? others;
}

function mildest(rules: readonly InspectionRule[]): InspectionRule | undefined {
  const [first] = rules;
  if (!first) return undefined;
  const rideWindowS = Math.max(...rules.map((rule) => rule.rideWindowS));
  const { validFromMs, validUntilMs } = first;
  return { validFromMs, validUntilMs, rideWindowS, ...lowestPenalty(rules) };
}

function lowestPenalty(rules: readonly InspectionRule[]): Pick<InspectionRule, 'penalty'> {
  let lowest: PenaltyRule | undefined;
  for (const { penalty } of rules) {
    // Amounts of two currencies cannot be compared: that is a doubt too.
    if (!penalty || (lowest && penalty.currency !== lowest.currency)) return {};
    if (!lowest || BigInt(penalty.penaltyMinor) < BigInt(lowest.penaltyMinor)) lowest = penalty;
  }
  return lowest ? { penalty: lowest } : {};
}

/**
 * The protocol that a rule prepares.
 * @param random 5 random bytes: 40 bits, so that two devices that never meet do not draw one number.
 */
export function prepareProtocol(rule: InspectionRule, random: Uint8Array): PenaltyProtocol | undefined {
  if (!rule.penalty) return undefined;
  const { actNames: _, ...penalty } = rule.penalty;
  return { number: numberOf(random), ...penalty };
}

function numberOf(random: Uint8Array): string {
  let bits = BigInt(`0x${Buffer.from(random).toString('hex').padStart(10, '0')}`);
  let text = '';
  for (let i = 0; i < 8; i++) {
    text = ALPHABET[Number(bits & 31n)] + text;
    bits >>= 5n;
  }
  return `${text.slice(0, 4)}-${text.slice(4)}`;
}
