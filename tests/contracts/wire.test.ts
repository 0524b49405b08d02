import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, decodeBatch, encodeBatch } from '#contracts/batch.ts';
import { DENY_ENTRIES_MAX } from '#contracts/deny-list.ts';
import { parseRecordId, recordId } from '#contracts/ids.ts';
import { formatAmountMinor, formatMoney, parseAmountMinor } from '#contracts/money.ts';
import { decodeJson } from '#contracts/parse.ts';
import { LANGUAGES, REASON_TEXTS, reasonText } from '#contracts/reason-codes.ts';
import { openReceipt } from '#contracts/receipt.ts';
import { parseRecord, RECORD_BYTES_MAX } from '#contracts/record.ts';
import { ENVELOPE_BYTES_MAX, sealEnvelope } from '#contracts/signed-envelope.ts';
import { DEVICE_PUBLISHES, deviceTopic, parseDeviceTopic } from '#contracts/topics.ts';

const example = (name: string) => readFileSync(new URL(`../../contracts/examples/${name}`, import.meta.url));

describe('money', () => {
  it('survives the wire, whatever the amount', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }), (amount) => {
        expect(parseAmountMinor(formatAmountMinor(amount))).toBe(amount);
      }),
    );
  });
  it.each(['', '-0', '00', '1.5', '1e3', ' 1', '+1', '1234567890123456789'])(
    '%j is not an amount',
    (text) => {
      expect(() => parseAmountMinor(text)).toThrow(RangeError);
    },
  );
  it('is written for people with the digits of its currency', () => {
    expect(formatMoney({ amountMinor: 1250n, currency: 'UAH' }, 'uk')).toMatch(/^12,50\s₴$/);
    expect(formatMoney({ amountMinor: -5n, currency: 'UAH' }, 'en')).toBe('-₴0.05');
    expect(formatMoney({ amountMinor: 320n, currency: 'JPY' }, 'en')).toBe('¥320');
    expect(formatMoney({ amountMinor: 90071992547409931n, currency: 'UAH' }, 'en')).toBe(
      '₴900,719,925,474,099.31',
    );
  });
});

describe('identifiers and topics', () => {
  it('a record id names its device, epoch and number again', () => {
    const id = recordId('val-101', 'a'.repeat(32), 7);
    expect(parseRecordId(id)).toEqual({ deviceId: 'val-101', epoch: 'a'.repeat(32), seq: 7 });
    expect(parseRecordId(`${id}x`)).toBeUndefined();
    expect(parseRecordId(recordId('val-101', 'a'.repeat(32), 0))).toBeUndefined();
  });
  it.each(DEVICE_PUBLISHES)('the topic of %s names its device again', (channel) => {
    expect(parseDeviceTopic(deviceTopic('val-101', channel))).toEqual({ deviceId: 'val-101', channel });
  });
  it.each([
    'kvytok/v1/a/b/taps',
    'kvytok/v1/+/taps',
    'kvytok/v1/lists/taps',
    'kvytok/v2/val-1/taps',
    '$SYS/x',
    '',
  ])('%j is no device topic', (topic) => {
    expect(parseDeviceTopic(topic)).toBeUndefined();
  });
});

describe('bad input', () => {
  it('bytes over the bound, not UTF-8, not JSON, too deep or with __proto__ are refused by name', () => {
    const refusal = (bytes: Uint8Array) => {
      const parsed = decodeJson(bytes, 64, 4);
      return parsed.ok ? 'taken' : (parsed.problems[0]?.message ?? '');
    };
    expect(refusal(Buffer.alloc(65, 0x20))).toContain('65 bytes');
    expect(refusal(Buffer.from([0x22, 0xff, 0x22]))).toBe('not UTF-8');
    expect(refusal(Buffer.from('{"a":'))).toContain('not JSON');
    expect(refusal(Buffer.from('[[[[[1]]]]]'))).toContain('nested deeper');
    expect(refusal(Buffer.from('{"__proto__":{}}'))).toContain('__proto__');
    expect(refusal(Buffer.from('[[[[1]]]]'))).toBe('taken');
  });

  it('an unknown kind of record is named', () => {
    const odd = { ...JSON.parse(example('record-tap.v1.json').toString()), kind: 'cash-sale' };
    const parsed = parseRecord(Buffer.from(JSON.stringify(odd)));
    expect(parsed).toMatchObject({ ok: false, problems: [{ path: '/kind' }] });
  });

  it.each(['tap', 'refused', 'shift', 'clock-sync', 'epoch', 'check', 'card-act'])(
    'no single byte lost from a %s record goes unseen',
    (kind) => {
      const bytes = example(`record-${kind}.v1.json`);
      for (let i = 0; i < bytes.length; i++) {
        const cut = Buffer.concat([bytes.subarray(0, i), bytes.subarray(i + 1)]);
        const parsed = parseRecord(cut);
        // Losing a digit or a letter can leave a well-formed record: then it is another record with another hash.
        if (parsed.ok) expect(JSON.stringify(parsed.value)).not.toBe(bytes.toString());
      }
    },
  );

  it('arbitrary bytes never make the parsers throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(parseRecord(bytes).ok).toBe(false);
        expect(decodeBatch(bytes).ok).toBe(false);
        expect(openReceipt(bytes, new Map()).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe('batches', () => {
  const parsed = decodeBatch(example('batch.v1.ndjson'));
  if (!parsed.ok) throw new Error('the example batch does not parse');
  const { header } = parsed.value;
  const record = example('record-tap.v1.json');

  it('are written as they are read', () => {
    expect(encodeBatch(header, parsed.value.records)).toEqual(example('batch.v1.ndjson'));
  });
  it(`hold ${BATCH_RECORDS_MAX} records and not one more`, () => {
    const full = { ...header, count: BATCH_RECORDS_MAX };
    expect(decodeBatch(encodeBatch(full, Array(BATCH_RECORDS_MAX).fill(record))).ok).toBe(true);
    expect(decodeBatch(encodeBatch(full, Array(BATCH_RECORDS_MAX + 1).fill(record))).ok).toBe(false);
    expect(decodeBatch(encodeBatch({ ...full, count: BATCH_RECORDS_MAX + 1 }, [record])).ok).toBe(false);
  });
  it(`hold records of ${RECORD_BYTES_MAX} bytes and not one more`, () => {
    const one = { ...header, count: 1 };
    expect(decodeBatch(encodeBatch(one, [Buffer.alloc(RECORD_BYTES_MAX, 0x41)])).ok).toBe(true);
    expect(decodeBatch(encodeBatch(one, [Buffer.alloc(RECORD_BYTES_MAX + 1, 0x41)])).ok).toBe(false);
    expect(decodeBatch(encodeBatch(one, [Buffer.alloc(0)])).ok).toBe(false);
  });
  it('are refused whole over the bound of bytes', () => {
    expect(decodeBatch(Buffer.alloc(BATCH_BYTES_MAX + 1)).ok).toBe(false);
  });
  it('must hold as many records as the header says', () => {
    expect(decodeBatch(encodeBatch({ ...header, count: 2 }, [record]))).toMatchObject({
      ok: false,
      problems: [{ path: '/count' }],
    });
  });
});

describe('what the city signs', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const keys = new Map([['ingest-1', publicKey]]);
  const payload = {
    v: 1,
    deviceId: 'val-101',
    incarnation: '0'.repeat(32),
    backupWatermarkMs: null,
    issuedAtMs: 1,
    ranges: [{ epoch: 'a'.repeat(32), fromSeq: 1, toSeq: 2, head: 'b'.repeat(64), status: 'accepted' }],
  };
  const sealed = sealEnvelope('receipt', payload, { keyId: 'ingest-1', privateKey });

  it('opens with the pinned key', () => {
    expect(openReceipt(sealed, keys)).toEqual({ ok: true, value: payload, payload: JSON.stringify(payload) });
  });
  it('does not open for another purpose, another key, or an unknown key', () => {
    const other = createPublicKey(generateKeyPairSync('ed25519').privateKey);
    const command = sealEnvelope('command', payload, { keyId: 'ingest-1', privateKey });
    expect(openReceipt(command, keys)).toMatchObject({ ok: false, problems: [{ path: '/type' }] });
    expect(openReceipt(sealed, new Map([['ingest-1', other]]))).toMatchObject({
      problems: [{ path: '/sig' }],
    });
    expect(openReceipt(sealed, new Map())).toMatchObject({ problems: [{ path: '/keyId' }] });
    const relabelled = Buffer.from(command.toString().replace('"type":"command"', '"type":"receipt"'));
    expect(openReceipt(relabelled, keys)).toMatchObject({ problems: [{ path: '/sig' }] });
  });
  it('does not open when any byte of it was changed', () => {
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed);
      changed[i] = (changed[i] as number) ^ 0x01;
      expect(openReceipt(changed, keys).ok, `byte ${i}`).toBe(false);
    }
  });
});

describe('reason codes', () => {
  it.each(Object.keys(REASON_TEXTS) as (keyof typeof REASON_TEXTS)[])('%s speaks four languages', (code) => {
    const texts = LANGUAGES.map((language) => reasonText(code, language));
    expect(new Set(texts).size).toBe(LANGUAGES.length);
    for (const text of texts) expect(text.trim().length).toBeGreaterThan(5);
  });
});

describe('the deny list', () => {
  it('keeps its largest messages within the largest envelope', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const tokenId = `k9999.${'f'.repeat(32)}`;
    const entry = {
      tokenId,
      reason: 'replaced',
      scope: 'paid',
      validFromMs: -8.64e15,
      validUntilMs: -8.64e15,
    };
    const entries = Array.from({ length: DENY_ENTRIES_MAX }, () => entry);
    const signer = { keyId: `k${'0'.repeat(62)}`, privateKey };
    const chunk = { v: 1, generation: 2_147_483_647, n: 2_147_483_647, chunk: 9999, entries };
    const delta = {
      v: 1,
      generation: 2_147_483_647,
      n: 2_147_483_647,
      add: entries,
      remove: entries.map((e) => e.tokenId),
    };
    expect(sealEnvelope('deny-chunk', chunk, signer).length).toBeLessThanOrEqual(ENVELOPE_BYTES_MAX);
    expect(sealEnvelope('deny-delta', delta, signer).length).toBeLessThanOrEqual(ENVELOPE_BYTES_MAX);
  });
});
