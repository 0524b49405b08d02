/** Files for browsers: stylesheet, islands (types stripped on the way), libraries from node_modules, the map's data. */
import { createHash } from 'node:crypto';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { namedGeo } from '../city-geo.ts';
import { languageOf, type PortalContext } from '../context.ts';
import type { IslandSource } from '../ports.ts';
import { HttpProblem } from '../problems.ts';
import { routeStyles } from '../views/route-styles.ts';

export interface AssetFolders {
  /** Our own stylesheet and icons. */
  readonly assets: string;
  /** Name under /vendor → folder. */
  readonly vendor: Readonly<Record<string, string>>;
}

/** `/assets`, `/vendor`, `/islands`, `/city/*` */
export function assetRoutes(
  app: FastifyInstance,
  context: PortalContext,
  folders: AssetFolders,
  islands: IslandSource,
): void {
  app.register(fastifyStatic, {
    root: folders.assets,
    prefix: '/assets/',
    cacheControl: true,
    maxAge: 0,
    index: false,
  });
  for (const [name, root] of Object.entries(folders.vendor)) {
    app.register(fastifyStatic, {
      root,
      prefix: `/vendor/${name}/`,
      decorateReply: false,
      index: false,
      maxAge: 86_400_000,
      allowedPath: (path) => /\.(m?js|css)$/.test(path),
    });
  }

  app.get<{ Params: { name: string } }>('/islands/:name', async (request, reply) => {
    const name = /^([a-z-]{1,40})\.ts$/.exec(request.params.name)?.[1];
    const code = name === undefined ? undefined : await islands.read(name);
    if (code === undefined) throw new HttpProblem(404, 'NOT_FOUND');
    return sendTagged(request, reply, 'text/javascript; charset=utf-8', code);
  });

  const styles = routeStyles(context.names);
  app.get('/city/routes.css', (request, reply) =>
    sendTagged(request, reply, 'text/css; charset=utf-8', styles),
  );

  app.get('/city/network.json', (request, reply) => {
    const language = languageOf(request);
    const { geo, names } = context;
    const carriers = Object.fromEntries(
      [...names.carriers.keys()].map((id) => [id, context.wordings[language].carrier(id)]),
    );
    const body = JSON.stringify({
      ...namedGeo(geo, names, language),
      carriers,
      center: names.city.center,
    });
    return sendTagged(request, reply, 'application/json; charset=utf-8', body);
  });
}

/** Sends with an entity tag; a browser that has the same bytes gets 304. */
function sendTagged(request: FastifyRequest, reply: FastifyReply, type: string, body: string): FastifyReply {
  const tag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
  reply.header('etag', tag).header('cache-control', 'no-cache');
  if (request.headers['if-none-match'] === tag) return reply.code(304).send();
  return reply.type(type).send(body);
}
