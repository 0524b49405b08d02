/** One tap's explanation, or the reason why there is none. */
import { parseRecordId } from '#contracts/ids.ts';
import type { PortalContext } from '../context.ts';
import { explainTap } from '../explain.ts';
import { HttpProblem } from '../problems.ts';
import type { ExplanationWire } from '../schemas.ts';
import type { Wording } from '../wording.ts';

/** @throws HttpProblem 404 TAP_ID_MALFORMED | TAP_UNKNOWN, 503 DATABASE_UNAVAILABLE */
export async function findExplanation(
  { views }: PortalContext,
  tapId: string,
  wording: Wording,
): Promise<ExplanationWire> {
  if (parseRecordId(tapId) === undefined) {
    throw new HttpProblem(
      404,
      'TAP_ID_MALFORMED',
      wording.t('explain.malformed'),
      wording.t('explain.malformedText'),
    );
  }
  const [tap, revisions] = await Promise.all([views.tap(tapId), views.explanations(tapId)]).catch((cause) => {
    throw Object.assign(new HttpProblem(503, 'DATABASE_UNAVAILABLE'), { cause });
  });
  if (tap === undefined) {
    throw new HttpProblem(
      404,
      'TAP_UNKNOWN',
      wording.t('explain.notFound'),
      wording.t('explain.notFoundText'),
    );
  }
  return explainTap(tap, revisions, wording);
}
