/** UDP to the other devices of the vehicle. A datagram that is lost is lost: what doors miss of each other the city merges. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { OperatorError } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';

export interface UdpAddress {
  readonly host: string;
  readonly port: number;
}

export interface NeighbourSocket {
  /** Where it listens. */
  readonly address: UdpAddress;
  send(datagram: Uint8Array): void;
  /** `source`: the address from which it came, which nothing has proven. */
  onDatagram(take: (datagram: Uint8Array, source: string) => void): void;
  stop(): Promise<void>;
}

/** Opens it. Peers may be broadcast addresses. @throws OperatorError PORT_IN_USE. */
export async function openNeighbourSocket(
  own: UdpAddress,
  peers: readonly UdpAddress[],
  log: Logger,
): Promise<NeighbourSocket> {
  const socket = createSocket('udp4');
  socket.bind(own.port, own.host);
  try {
    await once(socket, 'listening');
  } catch (cause) {
    throw new OperatorError({
      code: 'PORT_IN_USE',
      happened: `Nothing can listen for neighbours on ${own.host}:${own.port}: ${(cause as Error).message}.`,
      kept: 'The journal was left as it is; no card was read.',
      todo: 'Give another address as the first of KVYTOK_EDGE_NEIGHBOURS.',
      cause,
    });
  }
  socket.setBroadcast(true);
  socket.on('error', (err) => log.warn({ reason: err.message }, 'edge.neighbours.socket-error'));
  const { address: host, port } = socket.address();
  return {
    address: { host, port },
    send(datagram) {
      for (const peer of peers) {
        // Somebody who is not there is no news.
        socket.send(datagram, peer.port, peer.host, () => {});
      }
    },
    onDatagram: (take) =>
      void socket.on('message', (datagram, from) => take(datagram, `${from.address}:${from.port}`)),
    stop: async () => {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}
