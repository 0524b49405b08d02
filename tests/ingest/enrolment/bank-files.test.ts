import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBankFiles } from '../../../ingest/enrolment/bank-files.ts';
import { caKeyList } from '../../../simulators/cards/emv/test-ca.ts';
import { tempFolder } from '../../support/temp-folder.ts';

let folder: ReturnType<typeof tempFolder>;
let bankCard = '';
let caKeys = '';
const publicKey = generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
const BANK_CARD = {
  v: 1,
  countryCode: 804,
  currencyCode: 980,
  timeZone: 'Europe/Kyiv',
  applications: [{ aid: 'a0000000031010', scheme: 'visa' }],
  acquirer: { keyId: 'acq-1', publicKey },
};

beforeAll(() => {
  folder = tempFolder('bank-files');
  bankCard = put('bank-card.json', BANK_CARD);
  caKeys = put('ca-keys.json', caKeyList());
});
afterAll(() => folder.remove());

function put(name: string, content: unknown): string {
  const path = join(folder.path, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  return path;
}

test('both files, or neither', () => {
  expect(readBankFiles({ bankCard, caKeys })).toEqual({
    bankCard: BANK_CARD,
    caKeys: JSON.parse(JSON.stringify(caKeyList())),
  });
  expect(readBankFiles({ bankCard: undefined, caKeys: undefined })).toBeUndefined();
  for (const half of [
    { bankCard, caKeys: undefined },
    { bankCard: undefined, caKeys },
  ])
    expect(() => readBankFiles(half)).toThrow(/without the other/);
});

test('a file in another form is refused with its place', () => {
  const wrong = put('wrong.json', { ...BANK_CARD, countryCode: 'UA' });
  expect(() => readBankFiles({ bankCard: wrong, caKeys })).toThrow(/wrong\.json.*countryCode/);
  expect(() => readBankFiles({ bankCard, caKeys: put('text', 'nonsense') })).toThrow(
    /does not have its form/,
  );
});
