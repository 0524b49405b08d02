/** Where a process offers its figures and readiness. */
import { Type } from 'typebox';
import { readEnvironment } from '#platform/config.ts';

const OpsEnvironment = Type.Object({
  KVYTOK_OPS_LISTEN: Type.String({
    default: '127.0.0.1:0',
    pattern: '^(\\[[0-9a-fA-F:]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5}$',
    description: 'address:port of /healthz, /readyz and /metrics; port 0 takes a free one',
  }),
});

/** The address from the environment. @throws OperatorError CONFIG_INVALID */
export function opsListen(env: Readonly<Record<string, string | undefined>>): string {
  const { KVYTOK_OPS_LISTEN } = env;
  return readEnvironment(OpsEnvironment, { KVYTOK_OPS_LISTEN }).KVYTOK_OPS_LISTEN;
}
