import { describe, expect, it } from 'vitest';
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, decodeBatch } from '#contracts/batch.ts';
import { UPLOAD_LIMITS } from '../../edge-agent/upload.ts';
import { cardNumber, type Rig, settled, startRig } from './support/agent-rig.ts';
import { receiptFor, seal } from './support/edge-city.ts';

function batchesOf(rig: Rig): { firstSeq: number; count: number }[] {
  return rig.sent.map((payload) => {
    const batch = decodeBatch(payload);
    if (!batch.ok) throw new Error(JSON.stringify(batch.problems));
    return { firstSeq: batch.value.header.firstSeq, count: batch.value.header.count };
  });
}

async function ride(rig: Rig, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) await rig.touch(cardNumber(n));
}

describe('the upload', () => {
  it('a live tap leaves at once in a batch of its own', async () => {
    const rig = await startRig({ connected: true });
    await rig.receiptAll();
    await rig.receiptAll();
    const before = rig.sent.length;
    await ride(rig, 1, 1);
    expect(batchesOf(rig).slice(before)).toEqual([{ firstSeq: 3, count: 1 }]);
  });

  it('catching up begins with one full batch and goes on with more as the city answers, up to the bound', async () => {
    const rig = await startRig({ limits: { upload: { ...UPLOAD_LIMITS, recordsMax: 50 } } });
    await ride(rig, 1, 699);
    rig.connect();
    expect(batchesOf(rig)).toEqual([{ firstSeq: 1, count: 50 }]);
    const onTheirWay: number[] = [];
    for (let round = 0; round < 5; round++) {
      const before = rig.sent.length;
      await rig.receiptAll();
      onTheirWay.push(rig.sent.length - before);
    }
    expect(onTheirWay).toEqual([2, 4, 4, 4, 0]);
    expect(batchesOf(rig).map(({ firstSeq }) => firstSeq)).toEqual(
      Array.from({ length: 15 }, (_, n) => 1 + n * 50),
    );
    expect(rig.sent.every((payload) => payload.byteLength <= BATCH_BYTES_MAX)).toBe(true);
    expect(BATCH_RECORDS_MAX).toBe(200);
  });

  it('after a silence, and on a new connection, it begins with one batch again', async () => {
    const rig = await startRig({ limits: { upload: { ...UPLOAD_LIMITS, recordsMax: 10 } } });
    await ride(rig, 1, 299);
    rig.connect();
    await rig.receiptAll();
    await rig.receiptAll();
    const afterSilence = rig.sent.length;
    rig.timers.advance(UPLOAD_LIMITS.receiptTimeoutMs + UPLOAD_LIMITS.pauseMs);
    expect(rig.sent.length - afterSilence).toBe(1);
    await rig.receiptAll();
    rig.lose();
    const afterLoss = rig.sent.length;
    rig.connect();
    expect(rig.sent.length - afterLoss).toBe(1);
  });

  it('whoever waits for an empty journal ends the pause, not the time for an answer', async () => {
    const { receiptTimeoutMs, pauseMsMax } = UPLOAD_LIMITS;
    const rig = await startRig({ connected: true });
    // Silent for long: the pauses have grown to a minute.
    for (let round = 0; round < 10; round++) rig.timers.advance(receiptTimeoutMs + pauseMsMax);
    rig.timers.advance(receiptTimeoutMs);
    const offered = rig.sent.length;
    rig.agent.deliver();
    expect(rig.sent).toHaveLength(offered + 1);
    rig.agent.deliver();
    expect(rig.sent).toHaveLength(offered + 1);
    await rig.receiptAll();
    expect(rig.agent.health().journal.unreceipted).toBeLessThanOrEqual(1);
    rig.lose();
    rig.agent.deliver();
    expect(rig.hurried()).toBe(1);
  });

  it('long records fill a batch by bytes before they fill it by number', async () => {
    const rig = await startRig();
    rig.agent.setWhereabouts({ routeId: 'й'.repeat(128), tripId: 'ї'.repeat(128), stopId: 'є'.repeat(128) });
    for (let n = 0; n < 5; n++)
      rig.agent.setWhereabouts({
        routeId: '€'.repeat(128),
        tripId: '€'.repeat(128),
        stopId: '€'.repeat(128),
        vehicleId: '€'.repeat(128),
      });
    await ride(rig, 1, 300);
    rig.connect();
    const first = batchesOf(rig)[0];
    expect(first?.count).toBeLessThan(200);
    expect(rig.sent[0]?.byteLength).toBeLessThanOrEqual(BATCH_BYTES_MAX);
    expect(rig.sent[0]?.byteLength).toBeGreaterThan(BATCH_BYTES_MAX * 0.95);
  });

  it('without a receipt the batch is offered again after the timeout and the pause, not before', async () => {
    const { receiptTimeoutMs, pauseMs } = UPLOAD_LIMITS;
    const rig = await startRig({ connected: true });
    expect(rig.sent).toHaveLength(1);
    rig.timers.advance(receiptTimeoutMs - 1);
    expect(rig.sent).toHaveLength(1);
    rig.timers.advance(1 + pauseMs * 0.75 - 1);
    expect(rig.sent).toHaveLength(1);
    rig.timers.advance(1);
    expect(rig.sent).toHaveLength(2);
    expect(Buffer.compare(rig.sent[0] as Buffer, rig.sent[1] as Buffer)).toBe(0);
  });

  it('a city that stays silent is asked more and more slowly, up to the longest pause', async () => {
    const rig = await startRig({ connected: true });
    const times: number[] = [];
    let known = rig.sent.length;
    for (let s = 0; s < 1200; s++) {
      rig.timers.advance(1000);
      if (rig.sent.length > known) times.push(s);
      known = rig.sent.length;
    }
    const gaps = times.slice(1).map((time, index) => time - (times[index] as number));
    expect(gaps[0]).toBeLessThan(15);
    const longest = (UPLOAD_LIMITS.receiptTimeoutMs + UPLOAD_LIMITS.pauseMsMax * 0.75) / 1000;
    expect(Math.max(...gaps)).toBeLessThanOrEqual(longest + 1);
    expect(gaps.at(-1)).toBeGreaterThan(longest - 2);
  });

  it('a new connection offers everything unreceipted at once, from the oldest on', async () => {
    const rig = await startRig({ connected: true });
    await ride(rig, 1, 3);
    rig.lose();
    await ride(rig, 4, 5);
    const before = rig.sent.length;
    rig.connect();
    expect(batchesOf(rig).slice(before)).toEqual([{ firstSeq: 1, count: 6 }]);
  });

  it('one batch that never gets a receipt does not hold up the others', async () => {
    const rig = await startRig({ limits: { upload: { ...UPLOAD_LIMITS, recordsMax: 10 } } });
    await ride(rig, 1, 99);
    rig.connect();
    const held = new Set<number>();
    for (let round = 0; round < 40; round++) {
      const ranges = rig.sent.flatMap((payload) => {
        const batch = decodeBatch(payload);
        if (!batch.ok || batch.value.header.firstSeq === 1) return [];
        const { epoch, firstSeq, count, head } = batch.value.header;
        for (let seq = firstSeq; seq < firstSeq + count; seq++) held.add(seq);
        return [{ epoch, fromSeq: firstSeq, toSeq: firstSeq + count - 1, head, status: 'accepted' as const }];
      });
      rig.sent.length = 0;
      if (ranges.length > 0) await rig.hear(seal(receiptFor('val-1', ranges), rig.city));
      rig.timers.advance(5000);
      await settled();
    }
    expect(held.size).toBeGreaterThanOrEqual(90);
    expect(rig.agent.health().journal.unreceipted).toBe(10);
  });

  it('batches whose receipts come as one range free them all', async () => {
    const rig = await startRig();
    await ride(rig, 1, 599);
    rig.connect();
    await rig.receiptAll();
    const last = decodeBatch(rig.sent[2] as Uint8Array);
    if (!last.ok) throw new Error('no third batch');
    const { epoch, head } = last.value.header;
    const range = { epoch, fromSeq: 201, toSeq: 600, head, status: 'accepted' as const };
    await rig.hear(seal(receiptFor('val-1', [range]), rig.city));
    expect(rig.agent.health().journal).toMatchObject({ unreceipted: 1 });
  });
});

describe('receipts that do not fit', () => {
  it('a city that answers with wrong heads is not flooded: the next offer waits for the timeout', async () => {
    const rig = await startRig({ connected: true });
    for (let i = 0; i < 5; i++) {
      const range = { fromSeq: 1, toSeq: 1, head: '0'.repeat(64), status: 'accepted' as const };
      const { epoch } = rig.store.head() ?? { epoch: '' };
      await rig.hear(seal(receiptFor('val-1', [{ epoch, ...range }]), rig.city));
    }
    expect(rig.sent).toHaveLength(1);
  });
});
