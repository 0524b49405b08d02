/**
 * A sandbox acquirer as a real HTTP server: it holds the private key for which readers seal, has books of its own, and
 * misbehaves on command. It is no part of a real city.
 */
import type { KeyObject } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ACQUIRER_BYTES_MAX,
  ACQUIRER_PATHS,
  type AcquirerReply,
  IDEMPOTENCY_HEADER,
  parseAcquirerAuthorisation,
  parseAcquirerFollowUp,
} from '#contracts/acquirer-api.ts';
import { decodeJson } from '#contracts/parse.ts';
import { createIssuer, type Issuer, type IssuerOptions } from './issuer.ts';
import { openCard } from './open-sealed.ts';
import { SandboxBooks } from './sandbox-books.ts';

/** What it does wrong; counts are of requests to come. Changed while it runs. */
export interface AcquirerMisbehaviour {
  /** Answers nothing at all. */
  down: boolean;
  latencyMs: number;
  /** Does what it is asked, and the answer is lost. */
  loseAnswers: number;
  /** Cuts the wire before it has heard anything. */
  cutRequests: number;
  /** Answers with bytes that are no answer. */
  garble: number;
  /** Says that it is overloaded. */
  overload: number;
  /** Says of requests that do something that it will never do them. */
  refuse: number;
}

export interface SandboxAcquirer {
  readonly url: string;
  readonly token: string;
  readonly books: SandboxBooks;
  readonly issuer: Issuer;
  readonly misbehaviour: AcquirerMisbehaviour;
  /** Requests that came in, also those that it answered wrongly. */
  readonly requests: () => number;
  stop(): Promise<void>;
}

export interface SandboxOptions {
  /** Keys by id: what was sealed for another is refused. */
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly token: string;
  readonly nowMs: () => number;
  readonly issuer?: Partial<IssuerOptions>;
  readonly feePermille?: bigint;
  /** File in which it remembers what it did, request by request; without it an end forgets all. */
  readonly journalFile?: string;
  /** 0 = a free one; always on the loopback. */
  readonly port?: number;
}

class Refused extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

export async function startSandboxAcquirer(options: SandboxOptions): Promise<SandboxAcquirer> {
  const issuer = createIssuer({
    balanceMinor: 100_000n,
    emptyPermille: 0,
    paysLater: false,
    ...options.issuer,
  });
  const books = new SandboxBooks(issuer, options.feePermille ?? 9n);
  const misbehaviour: AcquirerMisbehaviour = {
    down: false,
    latencyMs: 0,
    loseAnswers: 0,
    cutRequests: 0,
    garble: 0,
    overload: 0,
    refuse: 0,
  };
  remember(options, books);
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    serve(request, response, { options, books, misbehaviour }).catch(() => request.socket.destroy());
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options.port ?? 0, '127.0.0.1', () => resolve());
  await promise;
  const stopped = Promise.withResolvers<void>();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: options.token,
    books,
    issuer,
    misbehaviour,
    requests: () => requests,
    stop: () => {
      server.close(() => stopped.resolve());
      server.closeAllConnections();
      return stopped.promise;
    },
  };
}

interface Desk {
  readonly options: SandboxOptions;
  readonly books: SandboxBooks;
  readonly misbehaviour: AcquirerMisbehaviour;
}

async function serve(request: IncomingMessage, response: ServerResponse, desk: Desk): Promise<void> {
  const { misbehaviour } = desk;
  if (misbehaviour.down || takeOne(misbehaviour, 'cutRequests')) {
    request.socket.destroy();
    return;
  }
  const body = await bodyOf(request);
  if (misbehaviour.latencyMs > 0) await delay(misbehaviour.latencyMs);
  if (takeOne(misbehaviour, 'overload')) return end(response, 503, '{}');
  if (request.method === 'POST' && takeOne(misbehaviour, 'refuse')) return end(response, 422, '{}');
  let status = 200;
  let text: string;
  try {
    text = answer(request, body, desk);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    status = error.status;
    text = JSON.stringify({ problem: error.message });
  }
  if (takeOne(misbehaviour, 'loseAnswers')) {
    request.socket.destroy();
    return;
  }
  end(response, status, takeOne(misbehaviour, 'garble') ? '<html>it works' : text);
}

type Count = {
  [K in keyof AcquirerMisbehaviour]: AcquirerMisbehaviour[K] extends number ? K : never;
}[keyof AcquirerMisbehaviour];

function takeOne(misbehaviour: AcquirerMisbehaviour, what: Count): boolean {
  if (misbehaviour[what] <= 0) return false;
  misbehaviour[what] -= 1;
  return true;
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > ACQUIRER_BYTES_MAX) throw new Error('too long');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function answer(request: IncomingMessage, body: Buffer, { options, books }: Desk): string {
  if (request.headers.authorization !== `Bearer ${options.token}`) throw new Refused(401);
  const path = request.url ?? '';
  const today = new Date(options.nowMs()).toISOString().slice(0, 10);
  if (request.method === 'GET' && path.startsWith(ACQUIRER_PATHS.status)) {
    const reply = books.find(decodeURIComponent(path.slice(ACQUIRER_PATHS.status.length)));
    if (reply === undefined) throw new Refused(404);
    return JSON.stringify(reply);
  }
  if (request.method === 'GET' && path.startsWith(ACQUIRER_PATHS.chargebacks))
    return JSON.stringify({
      chargebacks: books.chargebacks(Number(path.slice(ACQUIRER_PATHS.chargebacks.length))),
    });
  const key = request.headers[IDEMPOTENCY_HEADER];
  if (typeof key !== 'string' || request.method !== 'POST') throw new Refused(400);
  const before = books.size;
  const reply = doPost(path, key, body, { options, books }, today);
  if (options.journalFile !== undefined && books.size > before)
    appendFileSync(
      options.journalFile,
      `${JSON.stringify({ path, key, today, body: body.toString('utf8') })}\n`,
      { mode: 0o600 },
    );
  return JSON.stringify(reply);
}

/** Does once more what it did in an earlier life: the same requests in the same order give the same answers. */
function remember(options: SandboxOptions, books: SandboxBooks): void {
  const { journalFile } = options;
  if (journalFile === undefined || !existsSync(journalFile)) return;
  for (const line of readFileSync(journalFile, 'utf8').split('\n').slice(0, -1)) {
    const { path, key, today, body } = JSON.parse(line) as Record<'path' | 'key' | 'today' | 'body', string>;
    doPost(path, key, Buffer.from(body, 'utf8'), { options, books }, today);
  }
}

function doPost(
  path: string,
  key: string,
  body: Buffer,
  { options, books }: Pick<Desk, 'options' | 'books'>,
  today: string,
): AcquirerReply {
  const json = decodeJson(body, ACQUIRER_BYTES_MAX);
  const value = json.ok ? json.value : null;
  try {
    if (path === ACQUIRER_PATHS.authorise) {
      const parsed = parseAcquirerAuthorisation(value);
      const privateKey = parsed.ok ? options.keys.get(parsed.value.acquirerKeyId) : undefined;
      if (!parsed.ok || privateKey === undefined) throw new Refused(400);
      const { authorisation, acquirerKeyId } = parsed.value;
      return books.authorise(key, parsed.value, openCard(authorisation, acquirerKeyId, privateKey), today);
    }
    const parsed = parseAcquirerFollowUp(value);
    if (!parsed.ok) throw new Refused(400);
    if (path === ACQUIRER_PATHS.clear) return books.clear(key, parsed.value, today);
    if (path === ACQUIRER_PATHS.refund) return books.refund(key, parsed.value, today);
  } catch (error) {
    if (error instanceof Refused) throw error;
    // The same key with another request, or data that were not sealed for us.
    throw new Refused((error as Error).message === 'KEY_REUSED' ? 409 : 422);
  }
  throw new Refused(404);
}
