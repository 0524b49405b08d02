/** Enrolment's figures and readiness. */
import type { EnrolmentRefusal } from '#contracts/enrolment.ts';
import type { Metrics } from '#platform/metrics.ts';
import type { Vitals } from '#platform/role.ts';

/** Registers the figures; `counts` has how often each answer was given. */
export function enrolmentVitals(
  metrics: Metrics,
  counts: () => Readonly<Partial<Record<'ok' | 'failed' | EnrolmentRefusal, number>>>,
  databaseProblems: () => Promise<readonly string[]>,
): Vitals {
  metrics.counter(
    'kvytok_enrolment_answers_total',
    'Requests for a certificate by their outcome.',
    () => Object.entries(counts()).map(([outcome, value]) => ({ labels: { outcome }, value })),
    ['outcome'],
  );
  return { metrics, problems: databaseProblems };
}
