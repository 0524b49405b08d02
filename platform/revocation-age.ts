/** A revocation list that is over keeps every client out: it is an alarm long before. */
const DAY_MS = 86_400_000;

/** Lists are good for 7 days and made anew daily: one with less than this left has not been renewed for days. */
export const CRL_ALARM_MS = 3 * DAY_MS;

/** What is wrong with a list that holds until `nextAtMs`, in words for the log; `null` while all is well. */
export function crlProblem(nextAtMs: number, nowMs: number): string | null {
  const leftMs = nextAtMs - nowMs;
  if (leftMs >= CRL_ALARM_MS) return null;
  const until = new Date(nextAtMs).toISOString();
  return leftMs <= 0
    ? `the revocation list is over since ${until}: the broker lets nobody in`
    : `the revocation list ends at ${until} and is not renewed; then the broker lets nobody in`;
}
