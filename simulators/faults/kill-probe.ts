/** Ends this process with kill -9 at the n-th passing of a named point: no finally, no flush, no goodbye. */
import type { Probe } from '#platform/probe.ts';

/** `spec` is `<point>:<n>`; without one the probe does nothing. */
export function killProbe(spec: string | undefined): Probe {
  if (spec === undefined || spec === '') return () => {};
  const [point, nth] = spec.split(':') as [string, string];
  let passed = 0;
  return (name) => {
    if (name !== point) return;
    passed += 1;
    if (passed === Number(nth)) process.kill(process.pid, 'SIGKILL');
  };
}
