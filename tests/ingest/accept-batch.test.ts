import { describe, expect, it } from 'vitest';
import { BATCH_BYTES_MAX } from '#contracts/batch.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { acceptBatch, KEYS_TRIED_MAX } from '../../ingest/accept-batch.ts';
import type { Arrival, BatchVerdict, KeysOf } from '../../ingest/model.ts';
import { createJournal, forkAt, type Journal, NOW_MS, syncedAt } from './journal.ts';

const LIMITS = { clockFarFromReceiptMs: 900_000 };

const known =
  (journal: Journal, revokedFromMs: number | null = null): KeysOf =>
  (deviceId) =>
    deviceId === journal.deviceId ? [{ keyId: 'k1', publicKey: journal.publicKey, revokedFromMs }] : [];

function judge(
  journal: Journal,
  payload: Uint8Array,
  change: Partial<Arrival> & { keysOf?: KeysOf } = {},
): BatchVerdict {
  const { keysOf = known(journal), ...arrival } = change;
  return acceptBatch({ topic: journal.topic, payload, receivedAtMs: NOW_MS, ...arrival }, keysOf, LIMITS);
}

/** Expects the whole payload in quarantine, unproven, byte for byte. */
function expectRefused(verdict: BatchVerdict, payload: Uint8Array, reason: string): void {
  expect(verdict.accepted).toEqual([]);
  expect(verdict.quarantined).toHaveLength(1);
  const item = verdict.quarantined[0];
  expect(item).toMatchObject({ reason, authentic: false, hash: sha256Hex(payload) });
  expect(Buffer.compare(Buffer.from(item?.payload ?? []), Buffer.from(payload))).toBe(0);
}

function tapped(taps = 4, deviceId = 'val-1'): Journal {
  const journal = createJournal(deviceId);
  journal.addTaps(taps);
  return journal;
}

describe('a batch that holds', () => {
  it('is accepted record by record with the exact bytes', () => {
    const journal = tapped();
    const { accepted, quarantined } = judge(journal, journal.batch(1, 5));
    expect(quarantined).toEqual([]);
    expect(accepted.map((r) => [r.seq, r.kind])).toEqual([
      [1, 'epoch'],
      [2, 'tap'],
      [3, 'tap'],
      [4, 'tap'],
      [5, 'tap'],
    ]);
    for (const record of accepted) {
      expect(Buffer.from(record.text)).toEqual(journal.records[record.seq - 1]);
      expect(record.hash).toBe(journal.hash(record.seq));
      expect(record.prev).toBe(journal.hash(record.seq - 1));
    }
  });

  it('may begin anywhere: what came before is the linker’s to ask', () => {
    const journal = tapped();
    expect(judge(journal, journal.batch(3, 4)).accepted.map((r) => r.seq)).toEqual([3, 4]);
  });

  it.each([
    [KEYS_TRIED_MAX - 1, 5],
    [KEYS_TRIED_MAX, 0],
  ])('may be signed by a key after which %d newer ones stand: %d records taken', (newer, taken) => {
    const journal = tapped();
    const other = tapped(1, 'val-2').publicKey;
    const revoked = { keyId: 'gone', publicKey: other, revokedFromMs: 0 };
    const keysOf: KeysOf = () => [
      ...Array.from({ length: 40 }, () => revoked),
      ...Array.from({ length: newer }, (_, n) => ({ keyId: `n${n}`, publicKey: other, revokedFromMs: null })),
      { keyId: 'k1', publicKey: journal.publicKey, revokedFromMs: null },
    ];
    expect(judge(journal, journal.batch(1, 5), { keysOf }).accepted).toHaveLength(taken);
  });

  it('may be signed by any key of the device that stands', () => {
    const journal = tapped();
    const other = tapped(1, 'val-2');
    const keysOf: KeysOf = () => [
      { keyId: 'k2', publicKey: other.publicKey, revokedFromMs: null },
      { keyId: 'k1', publicKey: journal.publicKey, revokedFromMs: null },
    ];
    expect(judge(journal, journal.batch(1, 5), { keysOf }).accepted).toHaveLength(5);
  });
});

describe('a batch that does not hold is kept whole, without receipt', () => {
  const journal = tapped();
  const good = journal.batch(1, 5);

  it.each([
    ['nothing', Buffer.alloc(0), 'INGEST_MALFORMED'],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x00]), 'INGEST_MALFORMED'],
    ['JSON that is no header', Buffer.from('{"v":1}\n{}'), 'INGEST_MALFORMED'],
    ['a header nested without end', Buffer.from(`${'['.repeat(1000)}\n{}`), 'INGEST_MALFORMED'],
    ['half a batch', good.subarray(0, good.length / 2), 'INGEST_MALFORMED'],
    ['a batch with a line too many', Buffer.concat([good, Buffer.from('\n')]), 'INGEST_MALFORMED'],
    ['one byte over the largest batch', Buffer.alloc(BATCH_BYTES_MAX + 1, 0x20), 'INGEST_TOO_LARGE'],
    ['a signature of zeros', journal.batch(1, 5, { sig: 'A'.repeat(86) }), 'INGEST_BAD_SIGNATURE'],
    ['a signature of another head', journal.batch(1, 5, { firstSeq: 2 }), 'INGEST_BAD_SIGNATURE'],
    [
      'a head that is not the last record',
      journal.batch(1, 5, { head: 'a'.repeat(64) }),
      'INGEST_BROKEN_CHAIN',
    ],
    ['numbers beyond 2^53', journal.batch(1, 5, { firstSeq: Number.MAX_SAFE_INTEGER }), 'INGEST_MALFORMED'],
  ])('%s', (_name, payload, reason) => expectRefused(judge(journal, payload), payload, reason));

  it('one changed bit of the last record', () => {
    const payload = Buffer.from(good);
    payload[payload.length - 3] = (payload[payload.length - 3] as number) ^ 1;
    expectRefused(judge(journal, payload), payload, 'INGEST_BROKEN_CHAIN');
  });

  it('an unknown device', () =>
    expectRefused(judge(journal, good, { keysOf: () => [] }), good, 'INGEST_UNKNOWN_DEVICE'));

  it('the topic of another device', () =>
    expectRefused(judge(journal, good, { topic: 'kvytok/v1/val-2/taps' }), good, 'INGEST_WRONG_TOPIC'));

  it('a topic that names no device', () =>
    expectRefused(judge(journal, good, { topic: 'kvytok/v1/VAL/taps' }), good, 'INGEST_WRONG_TOPIC'));

  it('a key that is revoked from this millisecond on, and not one before', () => {
    expectRefused(judge(journal, good, { keysOf: known(journal, NOW_MS) }), good, 'INGEST_DEVICE_REVOKED');
    expect(judge(journal, good, { keysOf: known(journal, NOW_MS + 1) }).accepted).toHaveLength(5);
  });

  it('the revoked one of two keys', () => {
    const other = tapped(1, 'val-2');
    const keysOf: KeysOf = () => [
      { keyId: 'k2', publicKey: other.publicKey, revokedFromMs: null },
      { keyId: 'k1', publicKey: journal.publicKey, revokedFromMs: 0 },
    ];
    expectRefused(judge(journal, good, { keysOf }), good, 'INGEST_DEVICE_REVOKED');
  });
});

describe('a record that cannot be read, in a batch whose signature holds, is put aside alone', () => {
  it.each([
    ['a body that lacks its token', (r: object) => ({ ...r, body: {} }), 'INGEST_MALFORMED'],
    ['another device’s name', (r: object) => ({ ...r, deviceId: 'val-9' }), 'INGEST_MALFORMED'],
    ['another number', (r: object) => ({ ...r, seq: 77 }), 'INGEST_MALFORMED'],
    ['another epoch', (r: object) => ({ ...r, epoch: 'e'.repeat(32) }), 'INGEST_MALFORMED'],
    ['a number of 2^53', (r: object) => ({ ...r, seq: 2 ** 53 }), 'INGEST_MALFORMED'],
    ['a kind of a later version', (r: object) => ({ ...r, kind: 'cash-sale' }), 'INGEST_UNSUPPORTED_KIND'],
    ['a later version', (r: object) => ({ ...r, v: 2 }), 'INGEST_UNSUPPORTED_KIND'],
  ])('%s', (_name, change, reason) => {
    const journal = tapped(2);
    journal.add(change);
    journal.addTaps(2);
    const { accepted, quarantined } = judge(journal, journal.batch(1, 6));
    expect(accepted.map((r) => r.seq)).toEqual([1, 2, 3, 5, 6]);
    expect(quarantined).toHaveLength(1);
    expect(quarantined[0]).toMatchObject({ reason, authentic: true, seq: 4, hash: journal.hash(4) });
    expect(Buffer.from(quarantined[0]?.payload ?? [])).toEqual(journal.records[3]);
  });

  it('the key __proto__', () => {
    const journal = tapped(1);
    const text = JSON.stringify({ prev: journal.hash(2) });
    journal.addBytes(Buffer.from(text.replace('{', '{"__proto__":{"v":1},')));
    journal.addTaps(1);
    const { accepted, quarantined } = judge(journal, journal.batch(1, 4));
    expect(accepted.map((r) => r.seq)).toEqual([1, 2, 4]);
    expect(quarantined[0]).toMatchObject({ reason: 'INGEST_MALFORMED', seq: 3, authentic: true });
  });

  it('rubbish that names no predecessor cuts off what stands before it: that is kept, unproven', () => {
    const journal = tapped(2);
    journal.addBytes(Buffer.from('rubbish'));
    journal.addTaps(2);
    const { accepted, quarantined } = judge(journal, journal.batch(1, 6));
    expect(accepted.map((r) => r.seq)).toEqual([5, 6]);
    expect(quarantined.map((q) => [q.reason, q.authentic, q.seq])).toEqual([
      ['INGEST_BROKEN_CHAIN', false, 1],
      ['INGEST_MALFORMED', true, 4],
    ]);
    expect(Buffer.from(quarantined[0]?.payload ?? []).toString()).toBe(
      journal.records.slice(0, 3).join('\n'),
    );
  });

  it('records of another history in front of proven ones are not accepted with them', () => {
    const journal = tapped(5);
    const spliced = createJournal('val-1', { epoch: journal.epoch, keys: journal, bare: true });
    for (const bytes of forkAt(journal, 3, 1).records) spliced.addBytes(bytes);
    for (const bytes of journal.records.slice(3)) spliced.addBytes(bytes);
    const { accepted, quarantined } = judge(journal, spliced.batch(1, 6));
    expect(accepted.map((r) => r.seq)).toEqual([4, 5, 6]);
    expect(quarantined.map((q) => [q.reason, q.authentic])).toEqual([['INGEST_BROKEN_CHAIN', false]]);
  });

  it('no byte of a batch is ever thrown away', () => {
    const journal = tapped(3);
    journal.add((r) => ({ ...r, kind: 'cash-sale' }));
    journal.addBytes(Buffer.from('rubbish'));
    journal.addTaps(3);
    const { accepted, quarantined } = judge(journal, journal.batch(1, 9));
    const kept = [
      ...accepted.map((r) => r.text),
      ...quarantined.map((q) => Buffer.from(q.payload).toString()),
    ];
    for (const record of journal.records)
      expect(kept.some((text) => text.includes(record.toString()))).toBe(true);
  });
});

describe('clocks never keep a record out', () => {
  const flagsOf = (at: unknown, receivedAtMs = NOW_MS): readonly string[] => {
    const journal = createJournal('val-1');
    journal.add((record) => ({ ...record, at }));
    return judge(journal, journal.batch(2, 2), { receivedAtMs }).accepted[0]?.flags ?? ['not accepted'];
  };
  const { sync, ...unsynced } = syncedAt(1000);

  it('a synced clock is not marked', () => expect(flagsOf(syncedAt(1000))).toEqual([]));
  it('1970', () =>
    expect(flagsOf({ ...unsynced, wallMs: 0 })).toEqual(['CLOCK_UNSYNCED', 'CLOCK_FAR_FROM_RECEIPT']));
  it('never synced but right', () => expect(flagsOf(unsynced)).toEqual(['CLOCK_UNSYNCED']));
  it('the wall clock of a synced device does not matter', () =>
    expect(flagsOf({ ...syncedAt(1000), wallMs: -8.64e15 })).toEqual([]));
  it('a sync of an earlier boot', () =>
    expect(flagsOf({ ...unsynced, sync: { ...sync, bootId: 'c'.repeat(32) } })).toEqual([
      'CLOCK_OTHER_BOOT',
    ]));
  it('exactly at the limit is near, a millisecond beyond it far', () => {
    expect(flagsOf(syncedAt(0), NOW_MS + 900_000)).toEqual([]);
    expect(flagsOf(syncedAt(0), NOW_MS + 900_001)).toEqual(['CLOCK_FAR_FROM_RECEIPT']);
    expect(flagsOf(syncedAt(900_001), NOW_MS)).toEqual(['CLOCK_FAR_FROM_RECEIPT']);
  });
});
