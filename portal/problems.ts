/** Errors of the pages and the API: RFC 9457 for programs, a page in their language for people. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from './schemas.ts';
import { problemBody, problemPage } from './views/problem.ts';
import type { Wording } from './wording.ts';

/** Problems that have texts of their own in the catalogues. */
const STATUSES = [400, 404, 429, 500, 503] as const;
type KnownStatus = (typeof STATUSES)[number];

/** A refusal with a status, a stable code, and a sentence that may be shown to anybody. */
export class HttpProblem extends Error {
  readonly status: KnownStatus;
  readonly code: string;
  readonly title: string | undefined;

  constructor(status: KnownStatus, code: string, title?: string, detail?: string) {
    super(detail ?? code);
    this.name = 'HttpProblem';
    this.status = status;
    this.code = code;
    this.title = title;
  }
}

/** Answers with a problem: a page where a browser asks for one, problem+json everywhere else. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: HttpProblem,
  wording: Wording,
): FastifyReply {
  const title = problem.title ?? wording.t(`problem.${problem.status}`);
  const detail = problem.title === undefined ? wording.t(`problem.${problem.status}.text`) : problem.message;
  reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .header('vary', 'accept, accept-language, cookie');
  if (wantsPage(request)) {
    const path = request.url.split('?')[0] ?? '/';
    const isFragment = request.url.includes('fragment=1');
    return reply
      .type('text/html; charset=utf-8')
      .send(isFragment ? problemBody(title, detail, wording) : problemPage(title, detail, wording, path));
  }
  const body: Problem = { type: 'about:blank', title, status: problem.status, detail, code: problem.code };
  return reply.type('application/problem+json; charset=utf-8').send(JSON.stringify(body));
}

function wantsPage(request: FastifyRequest): boolean {
  const isApi = request.url.startsWith('/api/') || request.url === '/events';
  return !isApi && (request.headers.accept ?? '').includes('text/html');
}

/** Any thrown value as a problem; what is not ours becomes a plain 500 without its text. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (status === 429) return new HttpProblem(429, 'TOO_MANY_REQUESTS');
  if (status === 404) return new HttpProblem(404, 'NOT_FOUND');
  if (typeof status === 'number' && status >= 400 && status < 500) return new HttpProblem(400, 'BAD_REQUEST');
  return new HttpProblem(500, 'INTERNAL');
}
