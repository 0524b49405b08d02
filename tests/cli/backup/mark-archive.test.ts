import { expect, it } from 'vitest';
import { archivedBy } from '../../../cli/backup/mark-archive.ts';

it.each([
  ['a segment', '000000020000000000000003', { timeline: 2, endsAt: 0x400_0000n }],
  ["a base's note", '000000020000000000000003.00000028.backup', { timeline: 2, endsAt: 0x300_0000n }],
  ['a history', '00000002.history', null],
  ['a part', '000000020000000000000003.partial', null],
])('%s as the last archived file', (_what, name, held) => {
  expect(archivedBy(name)).toEqual(held);
});
