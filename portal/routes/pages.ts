/** Pages for people. */
import type { FastifyInstance } from 'fastify';
import { languageCookie, languageOf, type PortalContext } from '../context.ts';
import { cityPage } from '../views/city-page.ts';
import { explanationBody, explanationPage } from '../views/explanation.ts';
import { findExplanation } from './find-explanation.ts';

/** `/` and `/taps/:tapId`. */
export function pageRoutes(app: FastifyInstance, context: PortalContext): void {
  app.addHook('onSend', async (request, reply) => {
    const cookie = languageCookie(request);
    if (cookie !== undefined) reply.header('set-cookie', cookie);
  });

  app.get('/', async (request, reply) => {
    const language = languageOf(request);
    const city = await context.live.snapshot(language);
    return sendPage(reply, cityPage(city, context.wordings[language]));
  });

  app.get<{ Params: { tapId: string }; Querystring: { fragment?: string } }>(
    '/taps/:tapId',
    async (request, reply) => {
      const wording = context.wordings[languageOf(request)];
      const explanation = await findExplanation(context, request.params.tapId, wording);
      const alone = request.query.fragment !== '1';
      return sendPage(
        reply,
        alone ? explanationPage(explanation, wording) : explanationBody(explanation, wording),
      );
    },
  );
}

function sendPage(reply: import('fastify').FastifyReply, page: string): import('fastify').FastifyReply {
  return reply
    .type('text/html; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('vary', 'accept-language, cookie')
    .send(page);
}
