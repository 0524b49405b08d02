/** For supervisors: is the process alive, and can it do its work. */
import type { FastifyInstance } from 'fastify';
import type { PortalContext } from '../context.ts';
import { Health } from '../schemas.ts';

/** `/healthz` (alive) and `/readyz` (the database answers). */
export function healthRoutes(app: FastifyInstance, { views }: PortalContext): void {
  const schema = { response: { 200: Health, 503: Health } };
  app.get('/healthz', { schema }, async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    return { status: 'alive' };
  });
  app.get('/readyz', { schema }, async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    const ready = await views.latestTaps(1).catch(() => undefined);
    if (ready === undefined) reply.code(503);
    return { status: ready === undefined ? 'database does not answer' : 'ready' };
  });
}
