/** The JSON API, version 1. Every answer has a schema: fields that are not in it cannot leave. */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { languageOf, type PortalContext } from '../context.ts';
import { openApiDocument } from '../openapi.ts';
import { HttpProblem } from '../problems.ts';
import { CityWire, DeviceWire, ExplanationWire, TapWire, VehicleWire } from '../schemas.ts';
import { tapWire } from '../wire.ts';
import { findExplanation } from './find-explanation.ts';

/** Most taps in one answer. */
export const TAPS_LIMIT_MAX = 500;

/** `/api/v1/…` */
export function apiRoutes(app: FastifyInstance, context: PortalContext): void {
  app.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });

  app.get('/api/v1/city', { schema: { response: { 200: CityWire } } }, (request) =>
    context.live.snapshot(languageOf(request)),
  );

  app.get<{ Querystring: { limit: number } }>(
    '/api/v1/taps',
    {
      schema: {
        querystring: Type.Object({
          limit: Type.Integer({ minimum: 1, maximum: TAPS_LIMIT_MAX, default: 50 }),
        }),
        response: { 200: Type.Object({ v: Type.Literal(1), taps: Type.Array(TapWire) }) },
      },
    },
    async (request) => {
      const rows = await context.views.latestTaps(request.query.limit).catch((cause) => {
        throw Object.assign(new HttpProblem(503, 'DATABASE_UNAVAILABLE'), { cause });
      });
      return { v: 1, taps: rows.map(tapWire) };
    },
  );

  app.get<{ Params: { tapId: string } }>(
    '/api/v1/taps/:tapId',
    { schema: { response: { 200: ExplanationWire } } },
    (request) => findExplanation(context, request.params.tapId, context.wordings[languageOf(request)]),
  );

  app.get(
    '/api/v1/vehicles',
    { schema: { response: { 200: Type.Object({ v: Type.Literal(1), vehicles: Type.Array(VehicleWire) }) } } },
    async (request) => ({ v: 1, vehicles: (await context.live.snapshot(languageOf(request))).vehicles }),
  );

  app.get(
    '/api/v1/devices',
    { schema: { response: { 200: Type.Object({ v: Type.Literal(1), devices: Type.Array(DeviceWire) }) } } },
    async (request) => ({ v: 1, devices: (await context.live.snapshot(languageOf(request))).devices }),
  );

  const document = openApiDocument();
  app.get('/api/v1/openapi.json', (_request, reply) =>
    reply.header('cache-control', 'max-age=300').send(document),
  );
}
