/** A finding as a sentence, made from its numbers; in four languages. */
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import type { Finding } from './finding.ts';
import { FINDING_WORDS } from './finding-words.ts';

/** What of a finding is said: a row of the view has it too. */
export type SaidFinding = Pick<Finding, 'ruleId' | 'taps' | 'deviceId' | 'concessionId' | 'evidence'>;

/** One sentence or two. */
export function findingText(finding: SaidFinding, language: Language): string {
  const { evidence } = finding;
  const tenths = (permille: number | undefined) => String(Math.round((permille ?? 0) / 100) / 10);
  const slots: Readonly<Record<string, string | number | null>> = {
    taps: finding.taps,
    deviceId: finding.deviceId,
    concessionId: finding.concessionId,
    ...evidence,
    spanS: evidence['awayS'] ?? evidence['gapS'] ?? 0,
    times: tenths(evidence['timesPermille']),
    timesMin: tenths(evidence['timesPermilleMin']),
  };
  const text = FINDING_WORDS[finding.ruleId][LANGUAGES.indexOf(language)] as string;
  return text.replace(/\{(\w+)\}/g, (_, slot: string) => String(slots[slot] ?? '–'));
}
