/** What one proven device may leave in quarantine is bounded; beyond it nothing is receipted, so nothing is lost. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { type City, startCity } from './harness.ts';
import { createJournal, forkAt } from './journal.ts';

let city: City;
beforeAll(async () => {
  city = await startCity(['val-1', 'val-2']);
});
afterAll(() => city?.stop());

const kept = async (deviceId: string): Promise<number> =>
  Number(
    (await city.query('SELECT count(*) AS n FROM ingest.quarantine WHERE device_id = $1', [deviceId]))[0]?.[
      'n'
    ],
  );
const counted = async (): Promise<number> =>
  Number(
    (
      await city.query(
        "SELECT coalesce(sum(items), 0) AS n FROM ingest.uncollected WHERE reason = 'INGEST_QUARANTINE_FULL'",
      )
    )[0]?.['n'],
  );

it('single records beyond the bound are counted and get no receipt; those held get one again', async () => {
  const ingest = await city.startIngest({ limits: { provenItemsPerDeviceMax: 2, registryEveryMs: 50 } });
  const journal = createJournal('val-1');
  for (let i = 0; i < 3; i++) journal.add((r) => ({ ...r, kind: 'cash-sale' }));
  journal.addTaps(1);
  await city.register(journal);
  const device = await city.connectDevice(journal);
  await device.offer(journal.batch(1, 2), 2);
  await device.offer(journal.batch(3, 3), 3);
  expect(await kept('val-1')).toBe(2);
  // The fourth has no room, the fifth is a good tap: it is taken and receipted, the fourth is not.
  const receipt = await device.offer(journal.batch(4, 5), 5);
  expect(receipt.ranges.map((r) => [r.fromSeq, r.toSeq, r.status])).toEqual([[5, 5, 'accepted']]);
  expect(await kept('val-1')).toBe(2);
  expect(await counted()).toBeGreaterThan(0);
  expect(ingest.counts().withheld).toBeGreaterThan(0);
  // Offered again, what is held is receipted again: a full quarantine never blocks what is already safe.
  const again = await device.offer(journal.batch(1, 5), 5, 2);
  expect(again.ranges.flatMap((r) => (r.status === 'quarantined' ? [[r.fromSeq, r.toSeq]] : []))).toEqual([
    [2, 3],
  ]);
  await ingest.stop();
});

it('the same for other bytes under a known number; a higher bound takes what waited', async () => {
  const tight = await city.startIngest({ limits: { provenItemsPerDeviceMax: 1, registryEveryMs: 50 } });
  const journal = createJournal('val-2');
  journal.addTaps(4);
  await city.register(journal);
  const device = await city.connectDevice(journal);
  await device.offer(journal.batch(1, 5), 5);
  const copy = forkAt(journal, 4, 2);
  await device.offer(copy.batch(4, 4), 4);
  const before = await counted();
  await device.publish(copy.batch(5, 5));
  await until(async () => (await counted()) > before);
  const heads = device.receipts.flatMap(({ ranges }) => ranges.map(({ head }) => head));
  expect([await kept('val-2'), heads.includes(copy.hash(5))]).toEqual([1, false]);
  await tight.stop();
  const wide = await city.startIngest({ limits: { provenItemsPerDeviceMax: 2, registryEveryMs: 50 } });
  const receipt = await device.offer(copy.batch(5, 5), 5);
  expect(receipt.ranges).toMatchObject([{ fromSeq: 5, status: 'quarantined', reason: 'INGEST_CONFLICT' }]);
  await wide.stop();
});
