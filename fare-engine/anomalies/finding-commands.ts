/** Commands by which findings and the words of auditors on them become facts. */
import type { Payload } from '../command-kinds.ts';
import type { Desk, Naming, Refusal, SubmittedCommand } from '../commands.ts';
import { aboutId, type Finding, findingId, NOBODY } from './finding.ts';

/** A finding as it is kept. */
export interface FindingFact extends Finding {
  readonly findingId: string;
  readonly aboutId: string;
  readonly saidBy: string;
  readonly knownFromMs: number;
}

/** What a person made of a finding. */
export interface ReviewFact {
  readonly reviewId: string;
  readonly findingId: string;
  readonly verdict: 'confirmed' | 'dismissed';
  readonly reason: string;
  readonly saidBy: string;
  readonly knownFromMs: number;
}

/** Findings that these commands bring or judge, for the adapter to look up. */
export function findingsNamed(commands: readonly SubmittedCommand[]): string[] {
  return commands.flatMap(({ kind, payload }) => {
    const ours = kind === 'review-anomaly' || kind === 'record-anomaly';
    const id = ours ? (payload as Record<string, unknown> | null)?.['findingId'] : null;
    return typeof id === 'string' ? [id] : [];
  });
}

/** A finding becomes a fact; its id must be the hash of what it says. One that is there already stays as it is. */
export function recordAnomaly(
  payload: Payload<'record-anomaly'>,
  { knownFromMs }: Naming,
  desk: Desk,
): Refusal {
  const { by, findingId: said, ...rest } = payload;
  const finding: Finding = { ...NOBODY, ...rest };
  if (findingId(finding) !== said)
    return { reason: 'COMMAND_MALFORMED', detail: `${said} is not the id of what this finding says` };
  const days = [finding.fromDay, finding.untilDay];
  if (!days.every(isDate) || finding.untilDay <= finding.fromDay || finding.tapIds.length > finding.taps)
    return { reason: 'COMMAND_MALFORMED', detail: 'days or taps of the finding are not possible' };
  if (isThere(said, desk)) return null;
  desk.writes.findings.push({
    ...finding,
    findingId: said,
    aboutId: aboutId(finding),
    saidBy: by,
    knownFromMs,
  });
  return null;
}

/** A person confirms or dismisses a finding that is there. */
export function reviewAnomaly(
  { findingId: id, verdict, reason, by }: Payload<'review-anomaly'>,
  { commandId, knownFromMs }: Naming,
  desk: Desk,
): Refusal {
  if (!isThere(id, desk)) return { reason: 'ANOMALY_UNKNOWN', detail: id };
  desk.writes.reviews.push({ reviewId: commandId, findingId: id, verdict, reason, saidBy: by, knownFromMs });
  return null;
}

function isThere(id: string, { context, writes }: Desk): boolean {
  return context.findings.has(id) || writes.findings.some((finding) => finding.findingId === id);
}

function isDate(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
