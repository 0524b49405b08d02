/**
 * A vehicle's radio: a relay on the loopback between its agent and the broker, which can be cut. The agent and the
 * broker are the real ones; only the air between them is simulated.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Radio {
  /** Address that the agent dials instead of the broker's. */
  readonly url: string;
  /** Cutting ends every connection at once and refuses new ones. */
  setOnline(online: boolean): void;
  stop(): Promise<void>;
}

/** Connections through one radio; an agent needs one. */
const CONNECTIONS_MAX = 8;

/** Starts a radio in front of an `mqtt://` or `mqtts://` address; it carries bytes and looks into none of them. */
export async function startRadio(brokerUrl: string): Promise<Radio> {
  const target = new URL(brokerUrl);
  if (!/^mqtts?:$/.test(target.protocol))
    throw new Error(`a radio carries MQTT only, not ${target.protocol}`);
  const host = target.hostname;
  const port = Number(target.port || (target.protocol === 'mqtt:' ? 1883 : 8883));
  const sockets = new Set<Socket>();
  let online = true;
  const server = createServer({ noDelay: true }, (near) => {
    if (!online) {
      near.destroy();
      return;
    }
    const far = connect({ host, port, noDelay: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {}); // 'close' follows
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `${target.protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`,
    setOnline(wanted) {
      if (online && !wanted) cut();
      online = wanted;
    },
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
  };
}
