/**
 * The listening socket: counts connections in total and per address, refuses those beyond the bounds.
 */

import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { OperatorError, systemCode } from '#platform/errors.ts';

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly onConnection: (socket: Socket) => void;
  readonly onRefused: (reason: 'TOO_MANY_CONNECTIONS') => void;
}

export interface Listener {
  readonly port: number;
  /** Open connections now. */
  connections(): number;
  stop(): Promise<void>;
}

/** Starts listening. @throws OperatorError PORT_IN_USE or LISTEN_FAILED. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const sockets = new Set<Socket>();
  const perAddress = new Map<string, number>();
  const server = createServer({ noDelay: true, pauseOnConnect: false }, (socket) => {
    const address = socket.remoteAddress ?? 'gone';
    const fromThere = perAddress.get(address) ?? 0;
    if (sockets.size >= options.connectionsMax || fromThere >= options.connectionsPerAddressMax) {
      options.onRefused('TOO_MANY_CONNECTIONS');
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
    options.onConnection(socket);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(options.port, options.host, () => resolve());
  try {
    await promise;
  } catch (error) {
    throw listenError(options, error);
  }
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => sockets.size,
    stop: async () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
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
