/** What a rule found: whom it concerns, the numbers it stands on, and an id that anybody can make again. */
import { createHash } from 'node:crypto';

/** The rules; docs/ANOMALIES.md says what each looks for. A name never gets another meaning. */
export const RULE_IDS = [
  'impossible-speed',
  'two-vehicles-at-once',
  'series-on-vehicle',
  'use-after-death',
  'claim-after-end',
  'category-out-of-proportion',
  'silent-validator',
] as const;
export type RuleId = (typeof RULE_IDS)[number];

export const SEVERITIES = ['low', 'medium', 'high'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Most taps that a finding names; `taps` counts all. */
export const TAPS_NAMED_MAX = 100;

/** Whom and what a finding is about. Never an account, never a token. */
export interface Subject {
  readonly deviceId: string | null;
  readonly vehicleId: string | null;
  readonly routeId: string | null;
  readonly carrierId: string | null;
  readonly concessionId: string | null;
}

export const NOBODY: Subject = {
  deviceId: null,
  vehicleId: null,
  routeId: null,
  carrierId: null,
  concessionId: null,
};

/** Something that a person should look at. */
export interface Finding extends Subject {
  readonly ruleId: RuleId;
  /** Hash of the rule's parameters, hex. */
  readonly paramsSha256: string;
  /** Fare days, the last one exclusive: of its taps, or where it has none of the period that was searched. */
  readonly fromDay: string;
  readonly untilDay: string;
  /** Sorted; the first {@link TAPS_NAMED_MAX}. */
  readonly tapIds: readonly string[];
  /** How many taps it concerns. */
  readonly taps: number;
  readonly severity: Severity;
  /** 1000 = just at the threshold. */
  readonly scorePermille: number;
  /** Whole numbers, units in their names: what was measured, and the threshold. */
  readonly evidence: Readonly<Record<string, number>>;
}

/** Hash of rule, days and subjects: findings about the same share it, whatever their evidence. Hex. */
export function aboutId(finding: Omit<Finding, 'severity' | 'scorePermille'>): string {
  return digest('about', subjectParts(finding));
}

/** Hash of everything that a finding says; the same facts and parameters lead to the same id. */
export function findingId(finding: Finding): string {
  const { paramsSha256, severity, scorePermille, evidence } = finding;
  const numbers = Object.entries(evidence).sort(([a], [b]) => (a < b ? -1 : 1));
  return `an-${digest('finding', [...subjectParts(finding), paramsSha256, severity, scorePermille, numbers]).slice(0, 32)}`;
}

function subjectParts(finding: Omit<Finding, 'severity' | 'scorePermille'>): unknown[] {
  const { ruleId, fromDay, untilDay, tapIds, taps } = finding;
  const { deviceId, vehicleId, routeId, carrierId, concessionId } = finding;
  // Of a finding with taps these are the subjects; where it was is what is known of them, and may change.
  const place = tapIds.length > 0 ? [] : [deviceId, vehicleId, routeId, carrierId, concessionId];
  return [ruleId, fromDay, untilDay, [...tapIds].sort(), taps, place];
}

function digest(word: string, parts: readonly unknown[]): string {
  return createHash('sha256')
    .update(`kvytok anomaly ${word}\n${JSON.stringify(parts)}`)
    .digest('hex');
}
