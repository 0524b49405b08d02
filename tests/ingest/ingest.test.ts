import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReceipt } from '#contracts/receipt.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { createPool } from '#platform/postgres.ts';
import { type Ingest, revokeDeviceKey } from '../../ingest/main.ts';
import { until } from '../support/until.ts';
import { type City, INGEST_KEYS, recordsOf, startCity, type TestDevice } from './harness.ts';
import { createJournal, hex32, type Journal, NOW_MS } from './journal.ts';

const DEVICES = Array.from({ length: 60 }, (_, i) => `val-${i}`);
let city: City;
let ingest: Ingest;
let used = 0;

beforeAll(async () => {
  city = await startCity(DEVICES);
  ingest = await city.startIngest({ limits: { itemsPerDeviceMax: 3, registryEveryMs: 50 } });
});
afterAll(() => city?.stop());

/** A registered device nobody has used yet, with a journal of so many taps. */
async function newDevice(
  taps: number,
  options: Parameters<typeof createJournal>[1] = {},
): Promise<{ journal: Journal; device: TestDevice }> {
  const journal = createJournal(`val-${used++}`, options);
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
    {
      what: `${deviceId} to be linked`,
    },
  );
const quarantineOf = (deviceId: string) =>
  city.query<{ reason: string; authentic: boolean; seq: string | null }>(
    'SELECT reason, authentic, seq FROM ingest.quarantine WHERE device_id = $1 ORDER BY quarantine_id',
    [deviceId],
  );
/** What the audit log will say of a device's records. */
const leavesOf = async (deviceId: string): Promise<unknown[]> => {
  const rows = await city.query<{ bytes: string }>(
    "SELECT bytes FROM fare.audit_leaf WHERE kind = 'batch' AND ref LIKE $1 ORDER BY leaf_id",
    [`${deviceId} %`],
  );
  return rows.map(({ bytes }) => JSON.parse(bytes) as unknown);
};
const texts = (journal: Journal): string[] => journal.records.map(String);

describe('a batch', () => {
  it('is recorded, handed on once, receipted with the hash of its last record', async () => {
    const { journal, device } = await newDevice(4);
    const receipt = await device.offer(journal.batch(1, 5), 5);
    expect(receipt).toMatchObject({
      deviceId: journal.deviceId,
      backupWatermarkMs: null,
      issuedAtMs: NOW_MS,
    });
    expect(receipt.incarnation).toMatch(/^[0-9a-f]{32}$/);
    expect(receipt.ranges).toEqual([
      { epoch: journal.epoch, fromSeq: 1, toSeq: 5, head: journal.hash(5), status: 'accepted' },
    ]);
    expect(await recordsOf(city, journal.deviceId)).toEqual({
      records: texts(journal),
      inbox: texts(journal),
    });
    const inbox = await city.query('SELECT * FROM fare.record_inbox WHERE device_id = $1 AND seq = 2', [
      journal.deviceId,
    ]);
    expect(inbox[0]).toMatchObject({ kind: 'tap', flags: [], received_at_ms: String(NOW_MS) });
    expect(inbox[0]?.['hash'].toString('hex')).toBe(journal.hash(2));
    const [leaf, ...more] = await leavesOf(journal.deviceId);
    expect(more).toEqual([]);
    const hashes = [1, 2, 3, 4, 5].map((seq) => Buffer.from(journal.hash(seq), 'hex'));
    expect(leaf).toMatchObject({
      ...{
        v: 1,
        kind: 'batch',
        deviceId: journal.deviceId,
        epoch: journal.epoch,
        fromSeq: 1,
        toSeq: 5,
        records: 5,
      },
      ...{ sha256: createHash('sha256').update(Buffer.concat(hashes)).digest('hex'), receivedAtMs: NOW_MS },
    });
  });

  it('offered again is receipted again and changes nothing', async () => {
    const { journal, device } = await newDevice(4);
    const first = await device.offer(journal.batch(1, 5), 5);
    const second = await device.offer(journal.batch(1, 5), 5);
    expect(second.ranges).toEqual(first.ranges);
    expect(await leavesOf(journal.deviceId)).toHaveLength(1);
    expect(await recordsOf(city, journal.deviceId)).toEqual({
      records: texts(journal),
      inbox: texts(journal),
    });
  });

  it('split, overlapping and in any order gives the same records, each handed on exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })), {
          maxLength: 8,
        }),
        fc.array(fc.nat(1000), { minLength: 20, maxLength: 20 }),
        async (cuts, shuffle) => {
          const { journal, device } = await newDevice(11);
          // Any cuts, and the whole once more in two parts, so that every record is in some batch.
          const parts = [
            ...cuts.map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const),
            [1, 5] as const,
            [6, 12] as const,
          ];
          const order = parts
            .map((part, i) => ({ part, key: shuffle[i % shuffle.length] as number }))
            .sort((a, b) => a.key - b.key);
          await Promise.all(order.map(({ part: [from, to] }) => device.publish(journal.batch(from, to))));
          await until(
            async () => {
              const covered = new Set(
                device.receipts.flatMap(({ ranges }) =>
                  ranges.flatMap((r) =>
                    Array.from({ length: r.toSeq - r.fromSeq + 1 }, (_, i) => r.fromSeq + i),
                  ),
                ),
              );
              return covered.size === 12;
            },
            { what: 'receipts for all twelve' },
          );
          expect(await recordsOf(city, journal.deviceId)).toEqual({
            records: texts(journal),
            inbox: texts(journal),
          });
          await linked(journal.deviceId);
          expect(await deviceRow(journal.deviceId)).toMatchObject({
            records: '12',
            gaps: '0',
            unlinked: '0',
            forks: '0',
          });
          await device.stop();
        },
      ),
      { numRuns: 12 },
    );
  });

  it('of a clock in 1970 is accepted and marked', async () => {
    const { journal, device } = await newDevice(0);
    journal.add((r) => ({ ...r, at: { wallMs: 1000, monoMs: 5, bootId: 'b'.repeat(32) } }));
    await device.offer(journal.batch(1, 2), 2);
    const rows = await city.query('SELECT flags FROM fare.record_inbox WHERE device_id = $1 AND seq = 2', [
      journal.deviceId,
    ]);
    expect(rows[0]?.['flags']).toEqual(['CLOCK_UNSYNCED', 'CLOCK_FAR_FROM_RECEIPT']);
  });

  it('with a record of a later version is taken but for that record, and the receipt says so', async () => {
    const { journal, device } = await newDevice(1);
    journal.add((r) => ({ ...r, kind: 'cash-sale' }));
    journal.addTaps(1);
    const receipt = await device.offer(journal.batch(1, 4), 4);
    expect(receipt.ranges.map((r) => [r.fromSeq, r.toSeq, r.status, r.reason])).toEqual([
      [1, 2, 'accepted', undefined],
      [4, 4, 'accepted', undefined],
      [3, 3, 'quarantined', 'INGEST_UNSUPPORTED_KIND'],
    ]);
    expect(receipt.ranges[2]?.head).toBe(journal.hash(3));
    await device.offer(journal.batch(1, 4), 4);
    expect(await quarantineOf(journal.deviceId)).toEqual([
      { reason: 'INGEST_UNSUPPORTED_KIND', authentic: true, seq: '3' },
    ]);
    expect((await recordsOf(city, journal.deviceId)).inbox).toHaveLength(3);
  });
});

describe('what cannot be proven', () => {
  it('gets no receipt, is kept once however often it comes, and only so much of it', async () => {
    const { journal, device } = await newDevice(3);
    const forged = journal.batch(1, 4, { sig: 'A'.repeat(86) });
    for (let i = 0; i < 3; i++) await device.publish(forged);
    await device.publish(Buffer.from('garbage'));
    await until(async () => (await quarantineOf(journal.deviceId)).length === 2);
    expect((await quarantineOf(journal.deviceId)).map((q) => q.reason).toSorted()).toEqual([
      'INGEST_BAD_SIGNATURE',
      'INGEST_MALFORMED',
    ]);
    const beyond = async () =>
      Number(
        (
          await city.query(
            `SELECT coalesce(sum(items), 0) AS n FROM ingest.uncollected WHERE source = 'batch'`,
          )
        )[0]?.['n'],
      );
    const before = await beyond();
    for (let i = 0; i < 10; i++) {
      await device.publish(Buffer.from(`garbage ${i}`));
      await until(
        async () => (await beyond()) + (await quarantineOf(journal.deviceId)).length >= before + 3 + i,
      );
    }
    expect(await quarantineOf(journal.deviceId)).toHaveLength(3);
    // A good batch of the same device is taken all the same, and is the first to be receipted.
    const receipt = await device.offer(journal.batch(1, 4), 4);
    expect(device.receipts[0]).toBe(receipt);
    const published = await city.query(
      `SELECT items FROM ingest.published_quarantine WHERE reason = 'INGEST_MALFORMED'`,
    );
    expect(Number(published[0]?.['items'])).toBeGreaterThanOrEqual(10);
  });

  it('a device enrolled after the start is known at once', async () => {
    const journal = createJournal(`val-${used++}`);
    const device = await city.connectDevice(journal);
    await device.publish(journal.batch(1, 1));
    await until(async () => (await quarantineOf(journal.deviceId)).length === 1);
    expect(await quarantineOf(journal.deviceId)).toEqual([
      { reason: 'INGEST_UNKNOWN_DEVICE', authentic: false, seq: null },
    ]);
    await city.register(journal);
    await device.offer(journal.batch(1, 1), 1);
  });

  it('a device whose key is revoked gets no receipt any more', async () => {
    const { journal, device } = await newDevice(3);
    await device.offer(journal.batch(1, 2), 2);
    const office = createPool({ url: city.database.url('office_runtime'), applicationName: 'test', max: 1 });
    await revokeDeviceKey(office, {
      deviceId: journal.deviceId,
      keyId: 'k1',
      revokedFromMs: NOW_MS,
      reason: 'stolen',
    });
    await office.end();
    await until(async () => {
      await device.publish(journal.batch(3, 4));
      return (await quarantineOf(journal.deviceId)).some((q) => q.reason === 'INGEST_DEVICE_REVOKED');
    });
    expect((await recordsOf(city, journal.deviceId)).records.length).toBeLessThanOrEqual(4);
  });

  it('a receipt signed by anybody else, or for another purpose, does not open', async () => {
    const { journal, device } = await newDevice(1);
    const receipt = await device.offer(journal.batch(1, 2), 2);
    const pinned = new Map([['c001', INGEST_KEYS.publicKey]]);
    const seal = (type: 'receipt' | 'command', privateKey = INGEST_KEYS.privateKey) =>
      sealEnvelope(type, receipt, { keyId: 'c001', privateKey });
    expect(openReceipt(seal('receipt'), pinned).ok).toBe(true);
    expect(openReceipt(seal('command'), pinned).ok).toBe(false);
    expect(openReceipt(seal('receipt', journal.privateKey), pinned).ok).toBe(false);
  });
});

describe('the chain of a device', () => {
  it('a gap is shown while it is there and goes when the missing records come', async () => {
    const { journal, device } = await newDevice(9);
    await device.offer(journal.batch(1, 3), 3);
    await device.offer(journal.batch(7, 10), 10);
    await linked(journal.deviceId);
    expect(await deviceRow(journal.deviceId)).toMatchObject({
      records: '7',
      gaps: '1',
      unlinked: '4',
      forks: '0',
    });
    await device.offer(journal.batch(4, 6), 6);
    await linked(journal.deviceId);
    expect(await deviceRow(journal.deviceId)).toMatchObject({
      records: '10',
      gaps: '0',
      unlinked: '0',
      forks: '0',
    });
    // What the fare engine is told: beyond record 3 taps are unlinked, then none is. A whole journal tells nothing.
    const told = await city.query(
      'SELECT linked_to_seq, forked_from_seq FROM fare.journal_mark WHERE device_id = $1 ORDER BY mark_id',
      [journal.deviceId],
    );
    expect(told).toEqual([
      { linked_to_seq: '3', forked_from_seq: null },
      { linked_to_seq: null, forked_from_seq: null },
    ]);
  });

  it('two live epochs of one device raise an alarm in whichever order they come', async () => {
    for (const reversed of [false, true]) {
      const { journal, device } = await newDevice(4);
      const next = createJournal(journal.deviceId, {
        keys: journal,
        epoch: hex32(`second of ${journal.deviceId}`),
        follows: { epoch: journal.epoch, seq: 3, head: journal.hash(3) },
      });
      next.addTaps(2);
      const offers = [() => device.offer(journal.batch(1, 5), 5), () => device.offer(next.batch(1, 3), 3)];
      for (const offer of reversed ? offers.reverse() : offers) await offer();
      await linked(journal.deviceId);
      expect(await deviceRow(journal.deviceId)).toMatchObject({ records: '8', gaps: '0', forks: '3' });
      const forks = await city.query(
        'SELECT kind, epoch, seq FROM ingest.link_fork WHERE device_id = $1 ORDER BY kind DESC, epoch',
        [journal.deviceId],
      );
      const together = [journal.epoch, next.epoch].toSorted();
      expect(forks).toEqual([
        { kind: 'outlived', epoch: journal.epoch, seq: '4' },
        ...together.map((epoch) => ({ kind: 'live-together', epoch, seq: '1' })),
      ]);
    }
  });
});

describe('what devices say of themselves', () => {
  const health = (deviceId: string, seq: number) => ({
    v: 1,
    deviceId,
    atMs: NOW_MS,
    epoch: hex32('e'),
    seq,
    journal: { unreceipted: 0, kept: 3, capacity: 1000 },
    reader: { state: 'ready', recoveries: 0 },
    denyList: { version: { generation: 1, n: 2 }, entries: 0, ageMs: 10 },
    clock: { syncAgeMs: 5, offsetMs: 0 },
    counters: { accepted: 3, refused: 0, latencyMsMax: 4.5 },
  });

  it('two runs that report by turns are an alarm, once', async () => {
    const { journal, device } = await newDevice(0);
    const { deviceId } = journal;
    const alarms = () =>
      city.query('SELECT kind, signs FROM ingest.published_journal_alarm WHERE device_id = $1', [deviceId]);
    for (const boot of ['a', 'b', 'b', 'a', 'b', 'a']) {
      const body = { ...health(deviceId, 1), bootId: boot.repeat(32) };
      await device.client.publishAsync(`kvytok/v1/${deviceId}/health`, JSON.stringify(body), { qos: 1 });
    }
    await until(async () => (await alarms()).length > 0);
    expect(await alarms()).toEqual([{ kind: 'two-boots', signs: '1' }]);
  });

  it('the last word is shown, and the malformed is counted', async () => {
    const { journal, device } = await newDevice(0);
    const { deviceId } = journal;
    const say = (channel: string, body: unknown) =>
      device.client.publishAsync(`kvytok/v1/${deviceId}/${channel}`, JSON.stringify(body), {
        qos: 1,
        retain: channel === 'status',
      });
    await say('status', { v: 1, deviceId, online: true, software: 'test 1' });
    for (let seq = 1; seq <= 5; seq++) await say('health', health(deviceId, seq));
    await until(async () => (await deviceRow(deviceId))['health']?.seq === 5);
    expect(await deviceRow(deviceId)).toMatchObject({ online: true, last_seen_ms: String(NOW_MS) });
    await say('health', { ...health(deviceId, 6), counters: 'many' });
    await say('health', health('val-0', 7));
    await say('status', { v: 1, deviceId, online: false });
    await until(async () => (await deviceRow(deviceId))['online'] === false);
    expect((await deviceRow(deviceId))['health'].seq).toBe(5);
    // The word of a last will says that it vanished; only its own word says that it stopped.
    expect((await deviceRow(deviceId))['stopped']).toBe(false);
    await say('status', { v: 1, deviceId, online: false, stopped: true });
    await until(async () => (await deviceRow(deviceId))['stopped'] === true);
    await until(async () => {
      const rows = await city.query(
        `SELECT reason FROM ingest.uncollected WHERE source = 'report' ORDER BY reason`,
      );
      return (
        rows.length === 2 &&
        rows[0]?.['reason'] === 'INGEST_MALFORMED' &&
        rows[1]?.['reason'] === 'INGEST_WRONG_TOPIC'
      );
    });
  });
});

describe('what is published', () => {
  it('counts are exact: what is published is what is there', async () => {
    const [counts] = await city.query('SELECT * FROM ingest.published_counts');
    const [there] = await city.query(
      `SELECT count(*) AS records, count(*) FILTER (WHERE kind = 'tap') AS taps,
              (SELECT count(*) FROM ingest.quarantine WHERE authentic) AS quarantined
       FROM (SELECT kind FROM ingest.record UNION ALL SELECT kind FROM ingest.branch_record) AS held`,
    );
    expect(counts).toEqual(there);
    const { inserted, branched } = ingest.counts();
    expect(inserted + branched).toBe(Number(there?.['records']));
  });
});
