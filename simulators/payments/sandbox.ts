/**
 * A sandbox payment provider as a real HTTP server: an API for the city, a page for its riders, a signed call when something
 * has happened. It keeps books of its own and misbehaves on command. It is no part of a real city.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { IDEMPOTENCY_HEADER } from '#contracts/acquirer-api.ts';
import { formatMoney } from '#contracts/money.ts';
import { decodeJson } from '#contracts/parse.ts';
import {
  PAYMENT_BYTES_MAX,
  PAYMENT_PATHS,
  type PaymentReply,
  parsePaymentRequest,
  parseRefundRequest,
} from '#contracts/payment-api.ts';
import type { Language } from '#contracts/reason-codes.ts';
import { type BookEntry, type EndState, PaymentBooks, type SandboxPayment } from './books.ts';
import { createCaller } from './caller.ts';
import { type PaymentMisbehaviour, takeOne, WELL_BEHAVED } from './misbehaviour.ts';
import { PAY_CSS, payPage } from './page.ts';

export interface SandboxProvider {
  readonly url: string;
  readonly token: string;
  readonly books: PaymentBooks;
  readonly misbehaviour: PaymentMisbehaviour;
  /** Where it calls; calls before that are lost. */
  setCallUrl(url: string): void;
  /** A payer at the page does this. */
  end(reference: string, state: EndState): boolean;
  /** Resolves when the calls that it has decided on are out. */
  called(): Promise<void>;
  stop(): Promise<void>;
}

export interface SandboxProviderOptions {
  readonly token: string;
  /** Secret of both sides under which calls are signed. */
  readonly callKey: Buffer;
  /** City time: by it the report has its days. */
  readonly nowMs: () => number;
  /** Real time: by it calls are signed and payments expire. */
  readonly realMs: () => number;
  readonly feePermille?: bigint;
  /** File in which it remembers what it did; without it an end forgets all. */
  readonly journalFile?: string;
  /** 0 = a free one; always on the loopback. */
  readonly port?: number;
}

interface Desk {
  readonly options: SandboxProviderOptions;
  readonly books: PaymentBooks;
  readonly misbehaviour: PaymentMisbehaviour;
  readonly url: () => string;
  end(payment: SandboxPayment, state: EndState): boolean;
  note(entry: BookEntry): void;
}

class Refused extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

export async function startSandboxProvider(options: SandboxProviderOptions): Promise<SandboxProvider> {
  const books = new PaymentBooks(options.feePermille ?? 15n);
  const misbehaviour: PaymentMisbehaviour = { ...WELL_BEHAVED };
  remember(options, books);
  const caller = createCaller({ key: options.callKey, realMs: options.realMs, misbehaviour });
  const note = (entry: BookEntry): void => {
    if (options.journalFile !== undefined)
      appendFileSync(options.journalFile, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
  };
  const end = (payment: SandboxPayment, state: EndState): boolean => {
    const day = dayOf(options);
    if (!books.end(payment, state, day)) return false;
    note({ do: 'end', reference: payment.reference, state, day });
    caller.tell(payment);
    return true;
  };
  const desk: Desk = { options, books, misbehaviour, url: () => url, end, note };
  const server = createServer((request, response) => {
    serve(request, response, desk).catch(() => request.socket.destroy());
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options.port ?? 0, '127.0.0.1', () => resolve());
  await promise;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stopped = Promise.withResolvers<void>();
  return {
    url,
    token: options.token,
    books,
    misbehaviour,
    setCallUrl: caller.setUrl,
    end: (reference, state) => {
      const payment = books.byName(reference, options.realMs());
      return payment !== undefined && end(payment, state);
    },
    called: caller.idle,
    stop: async () => {
      caller.stop();
      server.close(() => stopped.resolve());
      server.closeAllConnections();
      await stopped.promise;
    },
  };
}

const dayOf = ({ nowMs }: SandboxProviderOptions): string => new Date(nowMs()).toISOString().slice(0, 10);

/** Does once more what it did in an earlier life. */
function remember({ journalFile }: SandboxProviderOptions, books: PaymentBooks): void {
  if (journalFile === undefined || !existsSync(journalFile)) return;
  for (const line of readFileSync(journalFile, 'utf8').split('\n').slice(0, -1)) {
    const entry = JSON.parse(line) as BookEntry;
    if (entry.do === 'create') books.create(entry.key, entry.request, entry.atMs);
    else if (entry.do === 'refund') books.refund(entry.key, entry.request, entry.day);
    else {
      const payment = books.byName(entry.reference, 0);
      if (payment !== undefined) books.end(payment, entry.state, entry.day);
    }
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, desk: Desk): Promise<void> {
  const { misbehaviour } = desk;
  const path = (request.url ?? '').split('?')[0] ?? '';
  const body = await bodyOf(request);
  if (path.startsWith('/pay')) return servePage(path, request, response, body, desk);
  if (misbehaviour.down || takeOne(misbehaviour, 'cutRequests')) {
    request.socket.destroy();
    return;
  }
  if (misbehaviour.latencyMs > 0) await delay(misbehaviour.latencyMs);
  if (takeOne(misbehaviour, 'errors')) return send(response, 500, '{}');
  let status = 200;
  let text: string;
  try {
    text = JSON.stringify(answer(path, request, body, desk));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    status = error.status;
    text = JSON.stringify({ problem: error.message });
  }
  if (takeOne(misbehaviour, 'loseAnswers')) {
    request.socket.destroy();
    return;
  }
  send(response, status, takeOne(misbehaviour, 'garble') ? '<html>it works' : text);
}

function send(response: ServerResponse, status: number, text: string, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type }).end(text);
}

function answer(path: string, request: IncomingMessage, body: Buffer, desk: Desk): object {
  const { options, books } = desk;
  if (request.headers.authorization !== `Bearer ${options.token}`) throw new Refused(401);
  if (request.method === 'GET' && path.startsWith(PAYMENT_PATHS.status)) {
    const key = decodeURIComponent(path.slice(PAYMENT_PATHS.status.length));
    const payment = books.find(key, options.realMs());
    if (payment === undefined) throw new Refused(404);
    return replyOf(payment, desk);
  }
  const key = request.headers[IDEMPOTENCY_HEADER];
  if (typeof key !== 'string' || request.method !== 'POST') throw new Refused(400);
  const json = decodeJson(body, PAYMENT_BYTES_MAX);
  try {
    return doPost(path, key, json.ok ? json.value : null, desk);
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(409);
  }
}

function doPost(path: string, key: string, value: unknown, desk: Desk): object {
  const { options, books, note } = desk;
  if (path === PAYMENT_PATHS.create) {
    const parsed = parsePaymentRequest(value);
    if (!parsed.ok) throw new Refused(400);
    const atMs = options.realMs();
    const payment = books.create(key, parsed.value, atMs);
    note({ do: 'create', key, request: parsed.value, atMs });
    return replyOf(payment, desk);
  }
  if (path !== PAYMENT_PATHS.refund) throw new Refused(404);
  const parsed = parseRefundRequest(value);
  if (!parsed.ok) throw new Refused(400);
  const day = dayOf(options);
  const reply = books.refund(key, parsed.value, day);
  note({ do: 'refund', key, request: parsed.value, day });
  return reply;
}

function replyOf(payment: SandboxPayment, { misbehaviour, url }: Desk): PaymentReply {
  const { key, reference, state, currency } = payment;
  const amountMinor = (BigInt(payment.amountMinor) + misbehaviour.wrongAmountMinor).toString();
  return { key, reference, state, amountMinor, currency, payUrl: `${url()}/pay/${reference}` };
}

function servePage(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  { books, options, end }: Desk,
): void {
  if (path === '/pay.css') {
    send(response, 200, PAY_CSS, 'text/css');
    return;
  }
  const payment = books.byName(path.slice('/pay/'.length), options.realMs());
  if (payment === undefined) {
    send(response, 404, 'no such payment', 'text/plain');
    return;
  }
  const back = new URL(payment.returnUrl).origin;
  response.setHeader(
    'content-security-policy',
    `default-src 'none'; style-src 'self'; form-action 'self' ${back}; frame-ancestors 'none'`,
  );
  if (request.method === 'POST') {
    const act = new URLSearchParams(body.toString('utf8')).get('act');
    if (act === 'paid' || act === 'failed' || act === 'cancelled') end(payment, act);
    response.writeHead(303, { location: payment.returnUrl }).end();
    return;
  }
  const { amountMinor, currency, language } = payment;
  const money = formatMoney({ amountMinor: BigInt(amountMinor), currency }, language as Language);
  send(response, 200, payPage(payment, money), 'text/html; charset=utf-8');
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > PAYMENT_BYTES_MAX) throw new Error('too long');
    parts.push(part);
  }
  return Buffer.concat(parts);
}
