/** A loopback port that was free a moment ago. */
export { freePort } from '#platform/embedded-postgres.ts';
