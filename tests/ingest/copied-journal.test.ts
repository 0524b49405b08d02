/** Two journals under one name: what both have is one record, what each has by itself is taken in once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { branchOf } from '#contracts/hash-chain.ts';
import { until } from '../support/until.ts';
import { type City, recordsOf, startCity, type TestDevice } from './harness.ts';
import { createJournal, forkAt, type Journal } from './journal.ts';

let city: City;
let used = 0;
const DEVICES = Array.from({ length: 12 }, (_, n) => `val-${n}`);

beforeAll(async () => {
  city = await startCity(DEVICES);
  await city.startIngest({ limits: { registryEveryMs: 50 } });
});
afterAll(() => city?.stop());

/** A registered device nobody has used yet, with a journal of so many taps. */
async function newDevice(taps: number): Promise<{ journal: Journal; device: TestDevice }> {
  const journal = createJournal(`val-${used++}`);
  journal.addTaps(taps);
  await city.register(journal);
  return { journal, device: await city.connectDevice(journal) };
}

const deviceRow = async (deviceId: string) => {
  const rows = await city.query('SELECT * FROM ingest.published_device WHERE device_id = $1', [deviceId]);
  return rows[0] ?? {};
};
const linked = (deviceId: string) =>
  until(
    async () =>
      (await city.query('SELECT 1 FROM ingest.link_queue WHERE device_id = $1', [deviceId])).length === 0,
    { what: `${deviceId} to be linked` },
  );
const texts = (journal: Journal): string[] => journal.records.map(String);

describe('the same number with other bytes', () => {
  it('is put aside and said in the receipt; the first stays; its bytes are taken in once under a branch', async () => {
    const { journal, device } = await newDevice(4);
    await device.offer(journal.batch(1, 5), 5);
    const copy = forkAt(journal, 4, 2);
    const receipt = await device.offer(copy.batch(3, 5), 5);
    expect(receipt.ranges.map((r) => [r.fromSeq, r.toSeq, r.status, r.reason, r.head])).toEqual([
      [3, 3, 'accepted', undefined, journal.hash(3)],
      [4, 5, 'quarantined', 'INGEST_CONFLICT', copy.hash(5)],
    ]);
    await device.offer(copy.batch(4, 5), 5);
    await device.offer(journal.batch(1, 5), 5);
    const { records, inbox } = await recordsOf(city, journal.deviceId);
    expect(records).toEqual(texts(journal));
    expect(inbox.toSorted()).toEqual([...texts(journal), ...texts(copy).slice(3)].toSorted());
    const branches = await city.query(
      'SELECT epoch, seq, flags FROM fare.record_inbox WHERE device_id = $1 AND epoch <> $2 ORDER BY seq',
      [journal.deviceId, journal.epoch],
    );
    const { deviceId, epoch } = journal;
    expect(branches).toEqual(
      [4, 5].map((seq) => ({
        epoch: branchOf({ deviceId, epoch, seq, hash: copy.hash(seq) }),
        seq: String(seq),
        flags: ['FORKED_EPOCH'],
      })),
    );
    const items = await city.query(
      'SELECT outcome, taken_as FROM ingest.published_quarantine_item WHERE device_id = $1 ORDER BY seq',
      [deviceId],
    );
    expect(items).toEqual(
      branches.map(({ epoch: branch, seq }) => ({
        outcome: 'branch',
        taken_as: `${deviceId}.${branch}.${seq}`,
      })),
    );
    await linked(deviceId);
    expect(await deviceRow(deviceId)).toMatchObject({ records: '7', gaps: '0', unlinked: '0' });
    const aside = await city.query('SELECT reason FROM ingest.quarantine WHERE device_id = $1', [deviceId]);
    expect(aside).toEqual([{ reason: 'INGEST_CONFLICT' }, { reason: 'INGEST_CONFLICT' }]);
    expect((await deviceRow(journal.deviceId))['forks']).toBe('2');
  });

  it('in one group: one of the two stands, the other is put aside, whichever comes first', async () => {
    const { journal, device } = await newDevice(1);
    const copy = forkAt(journal, 2, 1);
    await Promise.all([device.publish(journal.batch(1, 2)), device.publish(copy.batch(1, 2))]);
    const all = await until(() => {
      const ranges = device.receipts.flatMap((r) => r.ranges);
      return ranges.some((r) => r.status === 'quarantined') ? ranges : undefined;
    });
    const { records } = await recordsOf(city, journal.deviceId);
    expect(records).toHaveLength(2);
    expect([String(journal.records[1]), String(copy.records[1])]).toContain(records[1]);
    expect(all.find((r) => r.status === 'quarantined')?.reason).toBe('INGEST_CONFLICT');
  });
});
