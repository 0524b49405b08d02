/**
 * The listening socket: counts connections in total and per address, refuses those beyond the bounds, and does the
 * TLS handshake where it is told to. Counting comes first, so that handshakes are bounded too.
 */

import { constants } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { OperatorError, systemCode } from '#platform/errors.ts';

/** Certificate and key of the broker, and the authority whose clients it lets in; all PEM. */
export interface ListenerTls {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

export type ListenerRefusal = 'TOO_MANY_CONNECTIONS' | 'CONNECTING_TOO_OFTEN' | 'TLS_REFUSED';

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** With it only TLS 1.3 is spoken, and only with clients that have a certificate of the authority. */
  readonly tls?: ListenerTls;
  /** Longest TLS handshake. */
  readonly handshakeMsMax: number;
  readonly onConnection: (socket: Socket) => void;
  /** Whether one more connection from an address may be taken now. */
  readonly mayConnect: (address: string) => boolean;
  readonly onRefused: (reason: ListenerRefusal, detail?: object) => void;
}

export interface Listener {
  readonly port: number;
  /** Another certificate and key for handshakes from now on; nothing without TLS. */
  renew(tls: ListenerTls): void;
  /** Open connections now. */
  connections(): number;
  stop(): Promise<void>;
}

/** Connections that may wait to be taken: a fleet comes back within two seconds, and a full backlog makes it wait longer. */
const BACKLOG = 4_096;

/** Starts listening. @throws OperatorError PORT_IN_USE or LISTEN_FAILED. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const sockets = new Set<Socket>();
  const perAddress = new Map<string, number>();
  const secure = options.tls === undefined ? undefined : createHandshaker(options.tls, options);
  const server = createServer({ noDelay: true, pauseOnConnect: false }, (socket) => {
    const address = socket.remoteAddress ?? 'gone';
    const fromThere = perAddress.get(address) ?? 0;
    if (sockets.size >= options.connectionsMax || fromThere >= options.connectionsPerAddressMax) {
      options.onRefused('TOO_MANY_CONNECTIONS');
      socket.destroy();
      return;
    }
    if (!options.mayConnect(address)) {
      options.onRefused('CONNECTING_TOO_OFTEN');
      socket.destroy();
      return;
    }
    sockets.add(socket);
    perAddress.set(address, fromThere + 1);
    socket.once('close', () => {
      sockets.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
    if (secure === undefined) options.onConnection(socket);
    else secure.emit('connection', socket);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  const { host, port } = options;
  server.listen({ host, port, backlog: BACKLOG }, () => resolve());
  try {
    await promise;
  } catch (error) {
    throw listenError(options, error);
  }
  return {
    port: (server.address() as AddressInfo).port,
    renew: (tls) => secure?.setSecureContext(contextOf(tls)),
    connections: () => sockets.size,
    stop: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function contextOf({ key, cert, ca }: ListenerTls) {
  // Without tickets every connection proves its certificate anew: nothing outlives a revocation.
  return { key, cert, ca, minVersion: 'TLSv1.3', secureOptions: constants.SSL_OP_NO_TICKET } as const;
}

/** Does handshakes on sockets that were accepted elsewhere. */
function createHandshaker(tls: ListenerTls, options: ListenerOptions) {
  const server = createTlsServer({
    ...contextOf(tls),
    requestCert: true,
    // Judged below: Node would end the connection without saying why.
    rejectUnauthorized: false,
    handshakeTimeout: options.handshakeMsMax,
  });
  const refuse = (socket: TLSSocket, problem: string): void => {
    const address = socket.remoteAddress;
    socket.destroy();
    options.onRefused('TLS_REFUSED', { problem: problem.slice(0, 80), address });
  };
  server.on('secureConnection', (socket) => {
    if (socket.authorized) options.onConnection(socket);
    else refuse(socket, String(socket.authorizationError));
  });
  server.on('tlsClientError', (error, socket) => {
    // A line that was cut in the middle of a handshake is no refusal.
    if (systemCode(error) === 'ECONNRESET') socket.destroy();
    else refuse(socket, systemCode(error) ?? error.message);
  });
  return server;
}

function listenError({ host, port }: ListenerOptions, cause: unknown): OperatorError {
  const inUse = systemCode(cause) === 'EADDRINUSE';
  return new OperatorError({
    code: inUse ? 'PORT_IN_USE' : 'LISTEN_FAILED',
    happened: inUse
      ? `Port ${port} on ${host} is already taken by another program.`
      : `The broker cannot listen on ${host}:${port}: ${(cause as Error).message}.`,
    kept: 'The program that has the port was left alone; nothing was changed.',
    todo: 'Stop that program, or choose another port with KVYTOK_BROKER_LISTEN=127.0.0.1:PORT.',
    cause,
  });
}
