/** Open data for everybody: the index, and the files that it names. A version never changes, so it may be kept for ever. */
import type { FastifyInstance } from 'fastify';
import type { PortalContext } from '../context.ts';
import { HttpProblem } from '../problems.ts';

const TYPES: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=utf-8',
  json: 'application/json; charset=utf-8',
  txt: 'text/csv; charset=utf-8',
};

/** `/open-data`, `/open-data/*` */
export function openDataRoutes(app: FastifyInstance, { openData }: Pick<PortalContext, 'openData'>): void {
  app.get('/open-data', async (_request, reply) => {
    const index = await openData.index();
    if (index === undefined) throw new HttpProblem(404, 'NOT_FOUND');
    return reply
      .header('cache-control', 'public, max-age=300')
      .type(TYPES['json'] as string)
      .send(index);
  });
  app.get<{ Params: { '*': string } }>('/open-data/*', async (request, reply) => {
    const path = request.params['*'];
    const file = await openData.file(path);
    const type = TYPES[path.split('.').at(-1) ?? ''];
    if (file === undefined || type === undefined) throw new HttpProblem(404, 'NOT_FOUND');
    const etag = `"${file.sha256}"`;
    reply.header('cache-control', 'public, max-age=31536000, immutable').header('etag', etag).type(type);
    return request.headers['if-none-match'] === etag ? reply.code(304).send() : reply.send(file.bytes);
  });
}
