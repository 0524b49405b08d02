/**
 * The debt page and the payment provider's calls. No cookie and no login stand behind it: who has the reference sees the debt.
 * A reference is never in an address that a form makes, so that a card number typed by mistake is in no log.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readDebtReference } from '#contracts/debt-reference.ts';
import { openPaymentCall, PAYMENT_BYTES_MAX, PAYMENT_SIGNATURE_HEADER } from '#contracts/payment-api.ts';
import { languageCookie, languageOf, type PortalContext } from '../context.ts';
import { HttpProblem } from '../problems.ts';
import { debtForm, debtPage, debtPath, LOOKS_MAX } from '../views/debt.ts';
import { debtPaymentPage, RELOADS_MAX } from '../views/debt-payment.ts';

/** Requests from one address in a minute: of people, of pages that reload themselves, of the provider. */
const LOOKS_PER_MINUTE = limit(30);
const RELOADS_PER_MINUTE = limit(120);
const WISHES_PER_MINUTE = limit(6);
const CALLS_PER_MINUTE = limit(600);
const FORM_BYTES_MAX = 1024;

function limit(max: number) {
  return { config: { rateLimit: { max, timeWindow: '1 minute' } } };
}

type Named = {
  Params: { reference: string };
  Querystring: { back?: string; n?: string; after?: string };
};

/** `/debt`, `/debt/:reference`, `/debt/:reference/payment`, `/payments/call` */
export function debtRoutes(app: FastifyInstance, context: PortalContext): void {
  const { debts, wordings } = context;
  const wordingOf = (request: FastifyRequest) => wordings[languageOf(request)];
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: FORM_BYTES_MAX },
    (_request, body, done) => done(null, new URLSearchParams(body as string)),
  );
  app.addHook('onSend', async (request, reply) => {
    const cookie = languageCookie(request);
    if (cookie !== undefined) reply.header('set-cookie', cookie);
    reply.header('cache-control', 'no-store').header('x-robots-tag', 'noindex');
  });

  app.get('/debt', async (request, reply) => send(reply, debtForm(wordingOf(request))));

  app.post<{ Body: unknown }>('/debt', LOOKS_PER_MINUTE, async (request, reply) => {
    const typed = fieldOf(request.body, 'reference');
    const reference = readDebtReference(typed);
    if (reference !== null) return reply.redirect(debtPath(reference), 303);
    const problem = /^[\s\d-]{12,}$/.test(typed) ? 'cardNumber' : 'malformed';
    return send(reply.code(400), debtForm(wordingOf(request), problem, typed.slice(0, 40)));
  });

  app.get<Named>('/debt/:reference', LOOKS_PER_MINUTE, async (request, reply) => {
    const reference = referenceOf(request);
    const looks = Math.min(LOOKS_MAX, wholeNumber(request.query.n));
    return send(reply, debtPage(reference, await known(debts.find(reference)), wordingOf(request), looks));
  });

  app.post<Named>('/debt/:reference/payment', WISHES_PER_MINUTE, async (request, reply) => {
    const reference = referenceOf(request);
    const wording = wordingOf(request);
    const before = (await known(debts.find(reference)))?.payment?.events ?? [];
    const taken = await known(debts.ask('pay', reference, wording.language, context.clock.nowMs()));
    if (!taken) throw new HttpProblem(503, 'BUSY', wording.t('debt.busy'), wording.t('debt.busyText'));
    const over = !['asked', 'opened', undefined].includes(before.at(-1)?.kind);
    const after = over ? `&after=${before[0]?.atMs}` : '';
    return reply.redirect(`${debtPath(reference)}/payment?lang=${wording.language}${after}&n=1`, 303);
  });

  app.get<Named>('/debt/:reference/payment', RELOADS_PER_MINUTE, async (request, reply) => {
    const reference = referenceOf(request);
    const wording = wordingOf(request);
    const view = await known(debts.find(reference));
    const back = request.query.back === '1';
    const reloads = Math.min(RELOADS_MAX, wholeNumber(request.query.n));
    const afterMs = wholeNumber(request.query.after);
    // Who comes back may have paid: the desk asks the provider now, whether its call comes or not.
    if (back && view?.payment?.events.at(-1)?.kind === 'opened')
      await known(debts.ask('look', reference, wording.language, context.clock.nowMs()));
    return send(reply, debtPaymentPage({ reference, back, reloads, afterMs }, view, wording));
  });

  app.register((scope, _options, done) => {
    callRoute(scope, context);
    done();
  });
}

/** The provider's call: its exact bytes, their signature, their time; then it is a reason to look, and nothing else. */
function callRoute(app: FastifyInstance, { debts, payments, clock }: PortalContext): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: PAYMENT_BYTES_MAX },
    (_request: FastifyRequest, body: Buffer, done: (error: null, body: Buffer) => void) => done(null, body),
  );
  app.post<{ Body: Buffer | undefined }>('/payments/call', CALLS_PER_MINUTE, async (request, reply) => {
    const signature = request.headers[PAYMENT_SIGNATURE_HEADER];
    const opened = openPaymentCall(
      request.body ?? Buffer.alloc(0),
      typeof signature === 'string' ? signature : undefined,
      payments.callKeys,
      payments.realMs(),
    );
    if (!opened.ok) {
      payments.onRefused(opened.why);
      throw new HttpProblem(400, 'CALL_REFUSED');
    }
    await known(debts.hear(opened.call, clock.nowMs()));
    return reply.code(204).send();
  });
}

function referenceOf(request: FastifyRequest<Named>): string {
  const reference = readDebtReference(request.params.reference);
  if (reference === null) throw new HttpProblem(404, 'NOT_FOUND');
  return reference;
}

function wholeNumber(text: string | undefined): number {
  return /^[0-9]{1,15}$/.test(text ?? '') ? Number(text) : 0;
}

function fieldOf(body: unknown, name: string): string {
  return body instanceof URLSearchParams ? (body.get(name) ?? '') : '';
}

async function known<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((cause: unknown) => {
    throw Object.assign(new HttpProblem(503, 'DATABASE_UNAVAILABLE'), { cause });
  });
}

function send(reply: FastifyReply, page: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').header('vary', 'accept-language, cookie').send(page);
}
