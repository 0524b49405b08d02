/** Who asks, where a server stands in front: `KVYTOK_PORTAL_TRUSTED_PROXY`. */
import { afterEach, expect, it } from 'vitest';
import { type TestPortal, testPortal } from './support/portal.ts';

const running: TestPortal[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.portal.stop()));
});

/** Whether four requests of two riders are too many, where two a minute are allowed. */
async function refused(trustedProxy: string | undefined): Promise<boolean[]> {
  const one = await testPortal({
    requestsPerMinuteMax: 2,
    ...(trustedProxy !== undefined && { trustedProxy }),
  });
  running.push(one);
  const found: boolean[] = [];
  for (const rider of ['203.0.113.1', '203.0.113.1', '203.0.113.1', '203.0.113.2'])
    found.push((await one.get('/healthz', { 'x-forwarded-for': rider })).status === 429);
  return found;
}

it('bounds each rider behind a server that is named', async () => {
  expect(await refused('127.0.0.0/8')).toEqual([false, false, true, false]);
});

it.each([undefined, '192.0.2.7'])('believes nobody else about who asks (%s is named)', async (proxy) => {
  expect(await refused(proxy)).toEqual([false, false, true, true]);
});
