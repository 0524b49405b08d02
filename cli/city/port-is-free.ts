/** Looks whether a port can be had before anything is made, so that a taken one leaves nothing behind. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { OperatorError, systemCode } from '#platform/errors.ts';

/**
 * Listens on `host:port` for a moment.
 * @throws OperatorError PORT_IN_USE naming the option with which another port is chosen.
 */
export async function requireFreePort(listen: string, option: string): Promise<void> {
  const colon = listen.lastIndexOf(':');
  const server = createServer().listen(Number(listen.slice(colon + 1)), listen.slice(0, colon));
  try {
    await once(server, 'listening');
  } catch (error) {
    if (systemCode(error) !== 'EADDRINUSE') return; // Told by the part that listens there.
    throw new OperatorError({
      code: 'PORT_IN_USE',
      happened: `Another program listens on ${listen}.`,
      kept: 'Nothing was started and nothing was changed.',
      todo: `Stop that program, or choose another port: ${option} 0 takes a free one.`,
      cause: error,
    });
  }
  server.close();
  await once(server, 'close');
}
