/**
 * The audit log for everybody's tools (c2sp.org/tlog-tiles): checkpoint and tiles of hashes. Entries speak of accounts and
 * leave in exports only, so there are none here.
 */
import type { FastifyInstance } from 'fastify';
import { HASH_BYTES, parseTilePath, TILE_WIDTH } from '#contracts/audit-log.ts';
import type { PortalContext } from '../context.ts';
import { HttpProblem } from '../problems.ts';

/** Minutes: after a restore the log goes on in another life, whose tiles have the same names. */
const TILE_AGE_S = 300;

/** `/audit/checkpoint`, `/audit/keys`, `/audit/tile/*` */
export function auditLogRoutes(app: FastifyInstance, { auditLog }: Pick<PortalContext, 'auditLog'>): void {
  app.get('/audit/checkpoint', async (_request, reply) => {
    const note = await auditLog.checkpoint();
    if (note === undefined) throw new HttpProblem(404, 'NOT_FOUND');
    return reply.header('cache-control', 'max-age=2').type('text/plain; charset=utf-8').send(note);
  });
  app.get('/audit/keys', async (_request, reply) => {
    const keys = await auditLog.keys();
    return reply
      .header('cache-control', 'max-age=60')
      .type('text/plain; charset=utf-8')
      .send(keys.map((key) => `${key}\n`).join(''));
  });
  app.get<{ Params: { '*': string } }>('/audit/tile/*', async (request, reply) => {
    const name = parseTilePath(`tile/${request.params['*']}`);
    if (name === null || name.level === 'entries') throw new HttpProblem(404, 'NOT_FOUND');
    const hashes = await auditLog.tile(name.level, name.n);
    const bytes = name.width * HASH_BYTES;
    // A part of a tile is asked for by those who hold an older checkpoint; its beginning never changes.
    if (hashes === undefined || hashes.byteLength < bytes || name.width > TILE_WIDTH)
      throw new HttpProblem(404, 'NOT_FOUND');
    return reply
      .header('cache-control', `public, max-age=${TILE_AGE_S}`)
      .type('application/octet-stream')
      .send(hashes.subarray(0, bytes));
  });
}
