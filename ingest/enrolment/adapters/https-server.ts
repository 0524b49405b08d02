/**
 * The door for devices: HTTPS with TLS 1.3 and four paths. A client certificate is asked for and not demanded, since who
 * enrols has none yet; renewal looks whether the authority's held. Everything that comes in is bounded.
 */
import { constants } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  ENROLMENT_BYTES_MAX,
  ENROLMENT_PATHS,
  type EnrolmentRefusal,
  parseEnrolRequest,
  parseRenewRequest,
} from '#contracts/enrolment.ts';
import type { Parsed } from '#contracts/parse.ts';
import { OperatorError, systemCode } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import type { Enrolment, Outcome } from '../enrolment.ts';
import type { Caller, GuessLimiter } from '../guess-limiter.ts';
import type { ProvenClient } from '../ports.ts';

export interface HttpsOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
  readonly enrolment: Enrolment;
  readonly limiter: GuessLimiter;
  readonly monotonicMs: () => number;
  /** Revocation list, PEM. */
  readonly crl: () => Promise<string>;
  readonly log: Logger;
  /** Counts what was answered: `ok`, `failed`, or a refusal. */
  readonly count: (outcome: 'ok' | 'failed' | EnrolmentRefusal) => void;
}

export interface HttpsServer {
  readonly port: number;
  renew(tls: { readonly key: string; readonly cert: string; readonly ca: string }): void;
  stop(): Promise<void>;
}

const CONNECTIONS_MAX = 500;
const REQUEST_MS_MAX = 10_000;

const STATUS: Readonly<Record<EnrolmentRefusal, number>> = {
  REQUEST_MALFORMED: 400,
  CODE_REFUSED: 403,
  PROOF_REFUSED: 403,
  CERTIFICATE_REFUSED: 403,
  CERTIFICATE_SUPERSEDED: 409,
  TOO_MANY_TRIES: 429,
};

/** Starts listening. @throws OperatorError PORT_IN_USE or LISTEN_FAILED. */
export async function startHttps(options: HttpsOptions): Promise<HttpsServer> {
  const server = createServer(
    {
      ...contextOf(options.tls),
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: REQUEST_MS_MAX,
      headersTimeout: REQUEST_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      keepAliveTimeout: 1000,
      maxHeaderSize: 8192,
    },
    (request, response) => void answer(options, request, response),
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.on('tlsClientError', (error, socket) => {
    options.log.debug({ problem: error.message }, 'enrolment.handshake-refused');
    socket.destroy();
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options.port, options.host, () => resolve());
  await promise.catch((error: unknown) => {
    throw listenError(options, error);
  });
  return {
    port: (server.address() as AddressInfo).port,
    renew: (tls) => server.setSecureContext(contextOf(tls)),
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function contextOf({ key, cert, ca }: HttpsOptions['tls']) {
  return { key, cert, ca, minVersion: 'TLSv1.3', secureOptions: constants.SSL_OP_NO_TICKET } as const;
}

async function answer(
  options: HttpsOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader('cache-control', 'no-store');
  try {
    const route = `${request.method} ${request.url}`;
    if (route === `GET ${ENROLMENT_PATHS.ca}`)
      return send(response, 200, 'application/x-pem-file', options.tls.ca);
    if (route === `GET ${ENROLMENT_PATHS.crl}`)
      return send(response, 200, 'application/x-pem-file', await options.crl());
    const exchange: Exchange = { request, response, caller: { address: addressOf(request) } };
    if (route === `POST ${ENROLMENT_PATHS.enrol}`)
      return await handle(options, exchange, parseEnrolRequest, options.enrolment.enrol);
    if (route === `POST ${ENROLMENT_PATHS.renew}`) {
      const client = provenBy(request.socket as TLSSocket);
      if (!client) return refuse(options, exchange, 'CERTIFICATE_REFUSED');
      const renew = options.enrolment.renew;
      // TLS has proven who this is: what others guess from the same address does not hold it up.
      const proven: Exchange = { ...exchange, caller: { serial: client.serial } };
      return await handle(options, proven, parseRenewRequest, (body) => renew(body, client));
    }
    send(response, 404, 'application/json', '{"v":1}');
  } catch (err) {
    options.count('failed');
    options.log.error({ err }, 'enrolment.request-failed');
    if (!response.headersSent) send(response, 503, 'application/json', '{"v":1}');
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly caller: Caller;
}

async function handle<B, A>(
  options: HttpsOptions,
  exchange: Exchange,
  parse: (bytes: Uint8Array) => Parsed<B>,
  work: (body: B) => Promise<Outcome<A>>,
): Promise<void> {
  if (!options.limiter.mayTry(exchange.caller, options.monotonicMs()))
    return refuse(options, exchange, 'TOO_MANY_TRIES');
  const bytes = await bodyOf(exchange.request);
  const body = bytes && parse(bytes);
  if (!body?.ok) return refuse(options, exchange, 'REQUEST_MALFORMED');
  const outcome = await work(body.value);
  if (!outcome.ok) return refuse(options, exchange, outcome.refused);
  options.count('ok');
  send(exchange.response, 200, 'application/json', JSON.stringify(outcome.answer));
}

function refuse(
  options: HttpsOptions,
  { request, response, caller }: Exchange,
  refused: EnrolmentRefusal,
): void {
  options.count(refused);
  const address = addressOf(request);
  if (refused === 'TOO_MANY_TRIES') response.setHeader('retry-after', '60');
  else options.limiter.refused(caller, refused === 'CODE_REFUSED', options.monotonicMs());
  options.log.debug({ address, refused, path: request.url?.slice(0, 40) }, 'enrolment.refused');
  // What is left of the request is not read.
  if (!request.complete) response.setHeader('connection', 'close');
  send(response, STATUS[refused], 'application/json', JSON.stringify({ v: 1, refused }));
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type }).end(body);
}

/** The whole body, or nothing when it is larger than anything we take or was broken off. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > ENROLMENT_BYTES_MAX) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined; // Who asked has gone, or sent what is no HTTP.
  }
  return Buffer.concat(chunks);
}

function addressOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? 'gone';
}

function provenBy(socket: TLSSocket): ProvenClient | undefined {
  if (!socket.authorized) return undefined;
  const { subject, serialNumber } = socket.getPeerCertificate();
  return { name: String(subject?.CN ?? ''), serial: String(serialNumber ?? '').toLowerCase() };
}

function listenError({ host, port }: HttpsOptions, cause: unknown): OperatorError {
  const inUse = systemCode(cause) === 'EADDRINUSE';
  return new OperatorError({
    code: inUse ? 'PORT_IN_USE' : 'LISTEN_FAILED',
    happened: inUse
      ? `Port ${port} on ${host} is already taken by another program.`
      : `Enrolment cannot listen on ${host}:${port}: ${(cause as Error).message}.`,
    kept: 'The program that has the port was left alone; nothing was changed.',
    todo: 'Stop that program, or choose another port with KVYTOK_ENROLMENT_LISTEN=ADDRESS:PORT.',
    cause,
  });
}
