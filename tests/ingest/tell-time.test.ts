/** A device that asks in a health message is told the city's time, signed, at once; others are not. */
import { createPublicKey } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openCommand } from '#contracts/command.ts';
import { deviceTopic } from '#contracts/topics.ts';
import { createTimeTeller } from '../../ingest/adapters/time-teller.ts';
import { manualClock } from '../support/manual-clock.ts';
import { until } from '../support/until.ts';
import { type City, INGEST_KEYS, startCity } from './harness.ts';
import { createJournal, hex32, NOW_MS } from './journal.ts';

let city: City;
beforeAll(async () => {
  city = await startCity(['val-0', 'val-1']);
  await city.startIngest({ limits: { registryEveryMs: 50 } });
});
afterAll(() => city?.stop());

const PINNED = new Map([['c001', createPublicKey(INGEST_KEYS.privateKey)]]);
const health = (deviceId: string, timeNonce?: string) => ({
  v: 1 as const,
  deviceId,
  atMs: 0,
  epoch: hex32('e'),
  seq: 1,
  journal: { unreceipted: 0, kept: 3, capacity: 1000 },
  reader: { state: 'ready' as const, recoveries: 0 },
  denyList: { version: { generation: 1, n: 2 }, entries: 0, ageMs: 10 },
  clock: { syncAgeMs: null, offsetMs: null },
  counters: { accepted: 3, refused: 0, latencyMsMax: 4.5 },
  ...(timeNonce === undefined ? {} : { timeNonce }),
});

it('over the broker: the answer names the question, is signed, and says the city clock', async () => {
  const journal = createJournal('val-0');
  await city.register(journal);
  const { client } = await city.connectDevice(journal);
  const heard: Buffer[] = [];
  client.on('message', (topic, payload) => {
    if (topic === deviceTopic('val-0', 'commands')) heard.push(payload);
  });
  await client.subscribeAsync(deviceTopic('val-0', 'commands'), { qos: 1 });
  const say = (body: unknown) => client.publishAsync(deviceTopic('val-0', 'health'), JSON.stringify(body));
  await say(health('val-0'));
  await say(health('val-1', '1'.repeat(32)));
  await say(health('val-0', '2'.repeat(32)));
  await until(() => heard.length > 0);
  const opened = openCommand(heard[0] as Buffer, PINNED);
  expect(opened).toMatchObject({
    ok: true,
    value: { kind: 'tell-time', deviceId: 'val-0', nonce: '2'.repeat(32), cityMs: NOW_MS },
  });
  expect(heard).toHaveLength(1);
});

it('answers under way are bounded; what finds no room is not answered, and room comes back', async () => {
  const sent: (() => void)[] = [];
  const teller = createTimeTeller({
    clock: manualClock(NOW_MS),
    signer: { keyId: 'c001', privateKey: INGEST_KEYS.privateKey },
    publish: () => new Promise((resolve) => sent.push(resolve)),
  });
  for (let n = 0; n < 300; n++) teller.answer(health('val-0', hex32(`question ${n}`)));
  expect(sent).toHaveLength(256);
  sent[0]?.();
  await until(() => {
    teller.answer(health('val-0', hex32('once more')));
    return sent.length === 257;
  });
});
