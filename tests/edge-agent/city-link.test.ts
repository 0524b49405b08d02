/** Receipts, commands and the clock, as the agent hears them. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeBatch } from '#contracts/batch.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { cardNumber, type Rig, settled, startRig } from './support/agent-rig.ts';
import { createTestCity, INCARNATION_2, receiptFor, seal } from './support/edge-city.ts';

async function ridden(count: number, more: Parameters<typeof startRig>[0] = {}): Promise<Rig> {
  const rig = await startRig(more);
  for (let n = 1; n <= count; n++) await rig.touch(cardNumber(n));
  rig.connect();
  return rig;
}

function rangeOfSent(rig: Rig) {
  const batch = decodeBatch(rig.sent[0] as Uint8Array);
  if (!batch.ok) throw new Error('no batch');
  const { epoch, firstSeq, count, head } = batch.value.header;
  return { epoch, fromSeq: firstSeq, toSeq: firstSeq + count - 1, head, status: 'accepted' as const };
}

describe('receipts that must not be believed', () => {
  it('another city, another device, a broken signature, rubbish: counted, and nothing is freed', async () => {
    const rig = await ridden(3);
    const range = rangeOfSent(rig);
    const good = seal(receiptFor('val-1', [range]), rig.city);
    const tampered = Buffer.from(good.toString('utf8').replace('accepted', 'acceptee'));
    const wrongs = [
      seal(receiptFor('val-1', [range]), createTestCity()),
      seal(receiptFor('val-2', [range]), rig.city),
      sealEnvelope('command', receiptFor('val-1', [range]), rig.city.ingest),
      tampered,
      Buffer.from('rubbish'),
      Buffer.alloc(0),
    ];
    for (const wrong of wrongs) await rig.hear(wrong);
    expect(rig.agent.counters()).toMatchObject({ receipts: 0, receiptsRefused: wrongs.length });
    expect(rig.agent.health().journal).toMatchObject({ unreceipted: 4, kept: 0 });
    await rig.hear(good);
    expect(rig.agent.health().journal).toMatchObject({ kept: 4 });
  });

  it('a receipt over another head frees nothing', async () => {
    const rig = await ridden(3);
    await rig.hear(seal(receiptFor('val-1', [{ ...rangeOfSent(rig), head: '0'.repeat(64) }]), rig.city));
    expect(rig.agent.counters()).toMatchObject({ wrongHeads: 1 });
    // The four, and the first record of the epoch that begins.
    expect(rig.agent.health().journal).toMatchObject({ unreceipted: 5, kept: 0 });
  });
});

describe('a database in a new life', () => {
  it('everything kept is offered again on the spot', async () => {
    const rig = await ridden(3);
    await rig.receiptAll();
    await rig.receiptAll();
    rig.sent.length = 0;
    const sync = await rig.touch(cardNumber(9));
    expect(sync.sign).toBe('accepted');
    const range = rangeOfSent(rig);
    await rig.hear(seal(receiptFor('val-1', [range], { incarnation: INCARNATION_2 }), rig.city));
    const headers = rig.sent.map((payload) => {
      const batch = decodeBatch(payload);
      return batch.ok ? batch.value.header : null;
    });
    expect(headers).toContainEqual(
      expect.objectContaining({ epoch: range.epoch, firstSeq: 1, count: range.fromSeq - 1 }),
    );
  });
});

describe('a journal of which there is another copy', () => {
  it.each([
    ['numbers it has not written', { toSeq: 99, head: '9'.repeat(64) }],
    ['other bytes under its numbers', { head: '9'.repeat(64) }],
    ['its own bytes in conflict', { status: 'quarantined', reason: 'INGEST_CONFLICT' }],
  ] as const)('begins a new epoch that names its head when the city holds %s', async (_what, held) => {
    const rig = await ridden(3);
    const old = rig.store.head();
    const range = { ...rangeOfSent(rig), ...held };
    await rig.hear(seal(receiptFor('val-1', [range]), rig.city));
    const head = rig.store.head();
    expect(head?.epoch).not.toBe(old?.epoch);
    expect(rig.epochs).toEqual([head?.epoch]);
    expect(rig.records()[0]?.body).toMatchObject({
      follows: { epoch: old?.epoch, seq: old?.seq, head: old?.hash },
    });
    expect((await rig.touch(cardNumber(1))).repeated).toBeUndefined();
    // Told once more, also of the epoch that has ended, it goes on in the new one.
    await rig.hear(seal(receiptFor('val-1', [range]), rig.city));
    expect(rig.epochs).toEqual([head?.epoch]);
  });

  it('does not begin anew for records that are put aside for another reason', async () => {
    const rig = await ridden(3);
    const range = { ...rangeOfSent(rig), status: 'quarantined', reason: 'INGEST_UNSUPPORTED_KIND' } as const;
    await rig.hear(seal(receiptFor('val-1', [range]), rig.city));
    expect(rig.epochs).toEqual([]);
  });
});

describe('the clock', () => {
  it('a live receipt sets it: the middle of the exchange, half the round trip as its error', async () => {
    const rig = await startRig({ connected: true });
    const wallMs = rig.clock.nowMs();
    rig.clock.advance(200);
    rig.timers.advance(200);
    await rig.receiptAll({ issuedAtMs: wallMs + 150_000 });
    const sync = rig.records().at(-1);
    expect(sync).toMatchObject({
      kind: 'clock-sync',
      body: { serverMs: wallMs + 150_000, rttMs: 200, offsetMs: 149_900 },
    });
    await rig.touch(cardNumber(1));
    expect(rig.records().at(-1)?.at).toMatchObject({
      wallMs: wallMs + 200,
      sync: { serverMs: wallMs + 150_000, monoMs: 100, rttMs: 200 },
    });
  });

  it('an exchange at the bound sets it, one a millisecond slower does not', async () => {
    for (const [rttMs, synced] of [
      [2000, true],
      [2001, false],
    ] as const) {
      const rig = await startRig({ connected: true, limits: { syncRoundTripMsMax: 2000 } });
      rig.clock.advance(rttMs);
      rig.timers.advance(rttMs);
      await rig.receiptAll();
      expect(rig.agent.health().clock.syncAgeMs !== null).toBe(synced);
    }
  });

  it('a receipt for records offered twice says nothing about time', async () => {
    const rig = await startRig({ connected: true });
    rig.lose();
    rig.connect();
    await rig.receiptAll();
    expect(rig.agent.health().clock.syncAgeMs).toBeNull();
  });

  it('sync records come at most once in their interval, at its end again', async () => {
    const rig = await startRig({ connected: true, limits: { syncRecordEveryMs: 600_000 } });
    const syncs = () => rig.records().filter((record) => record.kind === 'clock-sync').length;
    await rig.receiptAll();
    expect(syncs()).toBe(1);
    await rig.receiptAll();
    rig.clock.advance(599_999);
    await rig.touch(cardNumber(1));
    await rig.receiptAll();
    expect(syncs()).toBe(1);
    rig.clock.advance(1);
    await rig.touch(cardNumber(2));
    await rig.receiptAll();
    expect(syncs()).toBe(2);
  });

  it('once synced, a wall clock that jumps by a year expires no card', async () => {
    const rig = await startRig({ connected: true });
    await rig.receiptAll();
    rig.clock.setWall(Date.UTC(2050, 0, 1));
    expect((await rig.touch(cardNumber(1))).sign).toBe('accepted');
  });
});

describe('commands', () => {
  const command = (rig: Rig, more: object = {}) => ({
    v: 1,
    commandId: randomUUID(),
    deviceId: 'val-1',
    issuedAtMs: rig.clock.nowMs(),
    expiresAtMs: rig.clock.nowMs() + 1000,
    kind: 'report-health',
    ...more,
  });

  it('report-health reports at once, the same command twice reports once', async () => {
    const rig = await startRig({ connected: true });
    const before = rig.healths.length;
    const sealed = sealEnvelope('command', command(rig), rig.city.ingest);
    rig.command(sealed);
    rig.command(sealed);
    expect(rig.healths.length - before).toBe(1);
    expect(rig.agent.counters()).toMatchObject({ commands: 1, commandsRefused: 1 });
  });

  it('a command works until just before it expires; foreign and forged ones do nothing', async () => {
    const rig = await startRig({ connected: true });
    const before = rig.healths.length;
    const nowMs = rig.clock.nowMs();
    rig.command(sealEnvelope('command', command(rig, { expiresAtMs: nowMs }), rig.city.ingest));
    rig.command(sealEnvelope('command', command(rig, { deviceId: 'val-2' }), rig.city.ingest));
    rig.command(sealEnvelope('command', command(rig), createTestCity().ingest));
    rig.command(Buffer.from('{}'));
    expect(rig.healths.length).toBe(before);
    rig.command(sealEnvelope('command', command(rig, { expiresAtMs: nowMs + 1 }), rig.city.ingest));
    expect(rig.healths.length).toBe(before + 1);
    expect(rig.agent.counters().commandsRefused).toBe(4);
  });

  it('offer-again sends receipted records once more, from the number named', async () => {
    const rig = await ridden(3);
    await rig.receiptAll();
    await rig.receiptAll();
    rig.sent.length = 0;
    const { epoch } = rig.store.head() ?? { epoch: '' };
    rig.command(
      sealEnvelope('command', command(rig, { kind: 'offer-again', epoch, fromSeq: 3 }), rig.city.ingest),
    );
    await settled();
    const batch = decodeBatch(rig.sent[0] as Uint8Array);
    expect(batch.ok && batch.value.header.firstSeq).toBe(3);
  });
});
