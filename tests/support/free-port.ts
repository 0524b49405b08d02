/** A loopback port that was free a moment ago, and that no connection takes by itself meanwhile. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that Linux gives to outgoing connections and to whoever listens on port 0 (32768 to 60999): of those one
 * may be gone between choosing and listening, and a client that keeps calling a server that is away may meet itself there.
 */
const [FIRST, LAST] = [20_000, 32_000];
const TRIES = 100;

/** Chooses one by chance: two test files at the same time hardly ever meet. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FIRST, LAST);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${FIRST} to ${LAST} in ${TRIES} tries`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
