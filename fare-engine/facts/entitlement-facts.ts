/** Grants and revocations → what pricing reads: for each stretch of the city's knowledge, one interval of validity. */
import type { EntitlementFact } from '#pricing/model.ts';
import type { Entitlement, EntitlementRevocation } from './facts.ts';

/** Folds the revocations into the grants. A revocation only shortens; the order of reading does not matter. */
export function entitlementFacts(
  grants: readonly Entitlement[],
  revocations: readonly EntitlementRevocation[],
): EntitlementFact[] {
  return grants.flatMap((grant) => {
    const mine = revocations
      .filter((revocation) => revocation.entitlementId === grant.entitlementId)
      .sort((a, b) => a.knownFromMs - b.knownFromMs || compareText(a.revocationId, b.revocationId));
    return stretchesOf(grant, mine);
  });
}

function stretchesOf(grant: Entitlement, revocations: readonly EntitlementRevocation[]): EntitlementFact[] {
  const stretches: EntitlementFact[] = [];
  let validUntilMs = grant.validUntilMs;
  let knownFromMs = grant.knownFromMs;
  const push = (knownUntilMs: number | null): void => {
    if (knownUntilMs === knownFromMs) return;
    const { entitlementId, concessionId, validFromMs } = grant;
    stretches.push({ entitlementId, concessionId, validFromMs, validUntilMs, knownFromMs, knownUntilMs });
  };
  for (const revocation of revocations) {
    push(revocation.knownFromMs);
    knownFromMs = revocation.knownFromMs;
    // Never before its own beginning: an interval that is empty says so, one that runs backwards says nothing.
    const cut = Math.max(revocation.validUntilMs, grant.validFromMs);
    validUntilMs = validUntilMs === null ? cut : Math.min(validUntilMs, cut);
  }
  push(null);
  return stretches;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
