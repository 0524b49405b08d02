import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AUTHORISATION_CHARS_MAX, parseRecord, RECORD_BYTES_MAX } from '#contracts/record.ts';

const example = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../contracts/examples/${name}`, import.meta.url), 'utf8'));
const parse = (record: unknown) => parseRecord(Buffer.from(JSON.stringify(record)));

describe('a tap with a bank card', () => {
  it('fits its record when everything in it is as long as it may be', () => {
    const record = example('record-tap-bank.v1.json');
    const long = 'Ї'.repeat(128);
    record.body.where = { vehicleId: long, routeId: long, tripId: long, stopId: long };
    record.body.formerTokenId = 'k1.0123456789abcdef0123456789abcdef';
    record.body.bank.authorisation = 'A'.repeat(AUTHORISATION_CHARS_MAX);
    expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThan(RECORD_BYTES_MAX);
    expect(parse(record)).toMatchObject({ ok: true });
  });

  it.each([
    ['a PAR of another length', { par: '5001ABC' }],
    ['another proof than CDA and fDDA', { oda: 'sda' }],
    ['an authorisation that is not base64url', { authorisation: '4761 7390' }],
    ['an authorisation that is too long', { authorisation: 'A'.repeat(AUTHORISATION_CHARS_MAX + 1) }],
    ['no key of the acquirer', { acquirerKeyId: undefined }],
  ])('is refused with %s', (_what, change) => {
    const record = example('record-tap-bank.v1.json');
    record.body.bank = { ...record.body.bank, ...change };
    expect(parse(record)).toMatchObject({ ok: false });
  });

  it('carries the token of the key before only in a token’s form', () => {
    const record = example('record-tap-rotated.v1.json');
    expect(parse(record)).toMatchObject({ ok: true });
    record.body.formerTokenId = '4761739001010010';
    expect(parse(record)).toMatchObject({ ok: false, problems: [{ path: '/body/formerTokenId' }] });
  });
});
