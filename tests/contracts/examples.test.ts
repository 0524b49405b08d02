import { createPublicKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeBatch } from '#contracts/batch.ts';
import { openCommand, openPinKeys } from '#contracts/command.ts';
import { openDenyChunk, openDenyDelta, openDenyGeneration, openDenyManifest } from '#contracts/deny-list.ts';
import { parseHealth, parseStatus } from '#contracts/device-report.ts';
import { headMessage, sha256Hex, verifyBytes } from '#contracts/hash-chain.ts';
import type { Parsed } from '#contracts/parse.ts';
import { openReceipt } from '#contracts/receipt.ts';
import { parseRecord, RECORD_KINDS } from '#contracts/record.ts';

const folder = new URL('../../contracts/examples/', import.meta.url);
const bytesOf = (name: string) => readFileSync(new URL(name, folder));
const keys = JSON.parse(bytesOf('keys.json').toString('utf8')) as Record<string, string>;
const pinned = new Map(
  ['city-1', 'city-2', 'city-3', 'city-4', 'city-5'].map((id) => [id, createPublicKey(keys[id] as string)]),
);
const offline = new Map([['generation-1', createPublicKey(keys['generation-1'] as string)]]);

const readers: Record<string, (bytes: Uint8Array) => Parsed<unknown>> = {
  record: parseRecord,
  batch: decodeBatch,
  receipt: (b) => openReceipt(b, pinned),
  'deny-manifest': (b) => openDenyManifest(b, pinned),
  'deny-delta': (b) => openDenyDelta(b, pinned),
  'deny-chunk': (b) => openDenyChunk(b, pinned),
  'deny-generation': (b) => openDenyGeneration(Buffer.from(b).toString('utf8'), offline),
  command: (b) => openCommand(b, pinned),
  'pin-keys': (b) => openPinKeys(b, pinned),
  status: parseStatus,
  health: parseHealth,
};
const readerOf = (name: string) => {
  const key = Object.keys(readers).find((k) => name.startsWith(`${k}.`) || name.startsWith(`${k}-`));
  return readers[key ?? ''];
};
const examples = readdirSync(folder).filter((n) => n !== 'keys.json');

describe('golden examples', () => {
  it('exist for every kind of record', () => {
    for (const kind of RECORD_KINDS) expect(examples).toContain(`record-${kind}.v1.json`);
  });

  it.each(examples)('%s still parses', (name) => {
    const read = readerOf(name);
    expect(read, `no reader for ${name}`).toBeDefined();
    expect(read?.(bytesOf(name))).toMatchObject({ ok: true });
  });

  it.each(examples)('%s still parses when a newer sender adds an optional field', (name) => {
    if (!/^(record|status|health)/.test(name)) {
      // Signed messages cannot be changed here without their key; their payload schemas are as open as these.
      expect(readerOf(name)?.(bytesOf(name))).toMatchObject({ ok: true });
      return;
    }
    const added = { ...JSON.parse(bytesOf(name).toString('utf8')), addedLater: { any: ['thing'] } };
    expect(readerOf(name)?.(Buffer.from(JSON.stringify(added)))).toMatchObject({ ok: true });
  });

  it.each(examples.filter((n) => n.startsWith('record')))('%s is refused with another version', (name) => {
    const other = { ...JSON.parse(bytesOf(name).toString('utf8')), v: 2 };
    const parsed = parseRecord(Buffer.from(JSON.stringify(other)));
    expect(parsed).toMatchObject({ ok: false, problems: [{ path: '/v' }] });
  });
});

it('the example manifest of a second generation carries its proof', () => {
  const manifest = openDenyManifest(bytesOf('deny-manifest-generation.v1.json'), pinned);
  if (!manifest.ok) throw new Error('the example manifest does not open');
  const proof = openDenyGeneration(manifest.value.generationProof ?? '', offline);
  expect(proof).toMatchObject({ ok: true, value: { generation: manifest.value.generation } });
});

describe('the example batch', () => {
  const parsed = decodeBatch(bytesOf('batch.v1.ndjson'));
  if (!parsed.ok) throw new Error('the example batch does not parse');
  const { header, records } = parsed.value;

  it('holds the example records byte for byte, each naming the hash of the one before', () => {
    expect(records[3]).toEqual(bytesOf('record-tap.v1.json'));
    let prev = '0'.repeat(64);
    for (const record of records) {
      expect(JSON.parse(Buffer.from(record).toString('utf8')).prev).toBe(prev);
      prev = sha256Hex(record);
    }
    expect(header.head).toBe(prev);
  });

  it('is signed over its head, and over nothing else', () => {
    const key = createPublicKey(keys['device'] as string);
    const head = { deviceId: header.deviceId, epoch: header.epoch, seq: 6, hash: header.head };
    expect(verifyBytes(headMessage(head), header.sig, key)).toBe(true);
    expect(verifyBytes(headMessage({ ...head, seq: 5 }), header.sig, key)).toBe(false);
    expect(verifyBytes(headMessage({ ...head, deviceId: 'val-102' }), header.sig, key)).toBe(false);
  });
});
