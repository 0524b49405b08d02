/** What was planted beside what was found: precision and recall of each rule. All of it is synthetic. */
import { type Finding, RULE_IDS, type RuleId } from '../../fare-engine/anomalies/finding.ts';
import type { Innocent } from './hard-negatives.ts';
import type { Planted } from './plant-frauds.ts';

export interface RuleScore {
  readonly ruleId: RuleId;
  readonly planted: number;
  /** Of the planted ones, those that a finding of this rule points at. */
  readonly found: number;
  readonly findings: number;
  /** Of the findings, those that point at something that was planted, for whichever rule. */
  readonly right: number;
}

/** Scores findings against what was planted. */
export function scoreFindings(planted: readonly Planted[], findings: readonly Finding[]): RuleScore[] {
  return RULE_IDS.map((ruleId) => {
    const mine = findings.filter((finding) => finding.ruleId === ruleId);
    const cases = planted.filter((fraud) => fraud.ruleId === ruleId);
    return {
      ruleId,
      planted: cases.length,
      found: cases.filter((fraud) => mine.some((finding) => pointsAt(finding, fraud))).length,
      findings: mine.length,
      right: mine.filter((finding) => planted.some((fraud) => pointsAt(finding, fraud))).length,
    };
  });
}

/** Hard negatives by name: how many taps there were, and how many a finding names that points at nothing planted. */
export function accusedInVain(
  innocent: Innocent,
  planted: readonly Planted[],
  findings: readonly Finding[],
): { readonly name: string; readonly taps: number; readonly accused: number }[] {
  const wrong = findings.filter((finding) => !planted.some((fraud) => pointsAt(finding, fraud)));
  const named = new Set(wrong.flatMap((finding) => finding.tapIds));
  return [...innocent].map(([name, taps]) => ({
    name,
    taps: taps.size,
    accused: [...taps].filter((tapId) => named.has(tapId)).length,
  }));
}

function pointsAt(finding: Finding, fraud: Planted): boolean {
  if (finding.tapIds.length > 0) return finding.tapIds.some((tapId) => fraud.tapIds.has(tapId));
  if (finding.ruleId !== fraud.ruleId) return false;
  if (finding.ruleId === 'silent-validator')
    return finding.deviceId === fraud.deviceId && finding.fromDay === fraud.fareDay;
  const place =
    finding.vehicleId === null ? finding.routeId === fraud.routeId : finding.vehicleId === fraud.vehicleId;
  return place && finding.concessionId === fraud.concessionId;
}
