import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { fairTimeout } from '#platform/fair-timeout.ts';

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

/** This process stands still, with everything that is in it. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Both ends of a connection. */
async function pair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ];
  closers.push(
    () => near.destroy(),
    () => far.destroy(),
    () => server.close(),
  );
  return [near, far];
}

test('what came while the process stood still is heard before the limit is over, and may begin it anew or end it', async () => {
  for (const heard of ['refresh', 'cancel'] as const) {
    const [near, far] = await pair();
    let over = 0;
    const limit = fairTimeout(20, () => {
      over += 1;
    });
    const came = new Promise<number>((resolve) => {
      near.once('data', () => {
        resolve(over);
        limit[heard]();
      });
    });
    far.write('an answer in time');
    stall(60);
    expect(await came, heard).toBe(0);
    limit.cancel();
  }
});

test('it calls once when nothing comes, after a refresh too, and not at all when it was cancelled', async () => {
  let calls = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const limit = fairTimeout(5, () => {
    calls += 1;
    resolve();
  });
  const cancelled = fairTimeout(1, () => {
    calls += 100;
  });
  cancelled.cancel();
  cancelled.cancel();
  limit.refresh();
  await promise;
  expect(calls).toBe(1);
});
