import { expect, it } from 'vitest';
import { recordOf } from '../../cli/audit-quarantine.ts';

it.each([
  ['text', Buffer.from('{"v":1}'), { record: '{"v":1}' }],
  ['NUL', Buffer.from([0x61, 0]), { record: 'a\0' }],
  ['bytes that are not UTF-8', Buffer.from([0x61, 0xff]), { recordBase64: 'Yf8=' }],
])('%s in quarantine is shown without loss', (_what, bytes, shown) => {
  expect(recordOf(bytes)).toEqual(shown);
});
