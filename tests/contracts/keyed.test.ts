/** Objects whose keys are data: none of another form is let through. */
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { BankCardFile } from '#contracts/bank-card.ts';
import { PinKeys } from '#contracts/command.ts';
import { KEY_NAME, keyed, PRINTABLE_NAME } from '#contracts/keyed.ts';
import { parserOf } from '#contracts/parse.ts';

describe('an object with keys of one form', () => {
  const parse = parserOf(keyed(KEY_NAME, Type.Integer(), { maxProperties: 2 }));

  it('takes keys of its form with values of theirs, and no more than its bound', () => {
    expect(parse({ 'ingest-1': 1, i001: 2 }).ok).toBe(true);
    expect(parse({ a: 1, b: 2, c: 3 }).ok).toBe(false);
    expect(parse({ a: 'x' }).ok).toBe(false);
  });

  it.each(['', ' a', 'a b', 'a\n', '../a', 'x'.repeat(64)])(
    'refuses the key %j whatever stands behind it',
    (key) => {
      for (const value of [1, 'x', null]) expect(parse({ [key]: value }).ok).toBe(false);
    },
  );

  it('takes any printable name of a feed, and none with a line break', () => {
    const names = parserOf(keyed(PRINTABLE_NAME, Type.Integer()));
    expect(names({ 'Площа Героїв 1': 1, ['x'.repeat(128)]: 1 }).ok).toBe(true);
    for (const key of ['a\nb', '', 'x'.repeat(129)]) expect(names({ [key]: 1 }).ok).toBe(false);
  });
});

describe('files and messages with such objects', () => {
  it('an announcement with a key of another name is refused, not cut', () => {
    const parse = parserOf(PinKeys);
    const pin = (keys: object) => parse({ v: 1, use: 'ingest', keys, issuedAtMs: 1 }).ok;
    expect(pin({ 'ingest-2': 'pem' })).toBe(true);
    expect(pin({ 'ingest-2': 'pem', 'Ingest 2': 5 })).toBe(false);
  });

  it('terminal data with a tag of another form is refused', () => {
    const parse = parserOf(BankCardFile);
    const file = (values: object) => ({
      ...{ v: 1, countryCode: 804, currencyCode: 980, timeZone: 'Europe/Kyiv', values },
      applications: [{ aid: 'a0000000031010', scheme: 'visa' }],
      acquirer: { keyId: 'acq', publicKey: 'pem' },
    });
    expect(parse(file({ '9f1a': '0804' })).ok).toBe(true);
    expect(parse(file({ '9F1A': '0804' })).ok).toBe(false);
  });
});
