/** From the tariffs' word to a protocol: which rule holds, and what is written on the paper. Pure. */
import type { InspectionRule } from '#contracts/enrolment.ts';
import type { PenaltyProtocol } from '#contracts/record.ts';

/** Crockford's base 32: nothing in it is taken for something else when it is read out. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The rule of an instant for a route: its own, else that of all others. */
export function ruleFor(
  rules: readonly InspectionRule[],
  atMs: number,
  routeId: string | undefined,
): InspectionRule | undefined {
  const ofTime = rules.filter(
    ({ validFromMs, validUntilMs }) => validFromMs <= atMs && (validUntilMs === null || atMs < validUntilMs),
  );
  const own = ofTime.find(({ routeIds }) => routeId !== undefined && routeIds?.includes(routeId));
  return own ?? ofTime.find(({ routeIds }) => routeIds === undefined);
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
