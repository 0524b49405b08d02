/** Files of a bundle: what is missing, changed, signed by a stranger or unreadable is found, and named. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { bundleLines, LINE_BYTES_MAX } from '../../../fare-engine/claims/bundle-lines.ts';
import type { BUNDLE_FAULTS } from '../../../fare-engine/claims/misfit.ts';
import { bundleOf, codeOf, type Files, made, ride } from '../support/claim-bundle.ts';

describe('files', () => {
  const { claim, taps, files } = made([ride(1), ride(2)]);
  const text = (name: string) => files[name] as string;
  const line = claim.lines[0] as (typeof claim.lines)[number];
  const claimed = (change: object) => bundleOf({ ...claim, ...change } as typeof claim, taps);
  const stranger = generateKeyPairSync('ed25519').privateKey;
  const cells = text('taps.csv').split('\n')[1]?.split(',') as string[];
  const cell = (n: number, value: string) => ({
    ...files,
    'taps.csv': text('taps.csv').replace(cells.join(','), cells.with(n, value).join(',')),
  });
  const without = (name: string): Files =>
    Object.fromEntries(Object.entries(files).filter(([one]) => one !== name));

  test.each<[string, () => Promise<string>, keyof typeof BUNDLE_FAULTS]>([
    [
      'a file with other bytes',
      () => codeOf({ ...files, 'taps.csv': ' ' }, { signed: files }),
      'CLAIM_BUNDLE_FILE',
    ],
    [
      'a small file with other bytes',
      () => codeOf({ ...files, 'claim.pdf': ' ' }, { signed: files }),
      'CLAIM_BUNDLE_FILE',
    ],
    [
      'a file that nobody signed',
      () => codeOf({ ...files, 'extra.txt': 'x' }, { signed: files }),
      'CLAIM_BUNDLE_FILE',
    ],
    ['a missing file', () => codeOf(without('checkpoint'), { signed: files }), 'CLAIM_BUNDLE_FILE'],
    ['a missing table', () => codeOf(without('taps.csv')), 'CLAIM_BUNDLE_FILE'],
    ['a stranger’s signature', () => codeOf(files, { key: stranger }), 'CLAIM_BUNDLE_SIGNATURE'],
    [
      'a manifest that is no note',
      () => codeOf({ ...files, manifest: 'x' }, { signed: files }),
      'CLAIM_BUNDLE_SIGNATURE',
    ],
    [
      'another checkpoint',
      () => codeOf({ ...files, checkpoint: text('checkpoint').replace(/\d+\n/, '9\n') }),
      'CLAIM_BUNDLE_SIGNATURE',
    ],
    ['another table of lines', () => codeOf({ ...files, 'lines.csv': 'x' }), 'CLAIM_BUNDLE_LINES'],
    ['a claim that is none', () => codeOf({ ...files, 'claim.json': '{}' }), 'CLAIM_BUNDLE_CLAIM'],
    [
      'another claim',
      () =>
        codeOf(
          { ...files, 'claim.json': text('claim.json').replace('2025-10:tet', '2025-10:mat') },
          { signed: files },
        ),
      'CLAIM_BUNDLE_FILE',
    ],
    [
      'a line that stands twice',
      () =>
        codeOf(
          claimed({
            lines: [line, line],
            claimedMinor: (2n * BigInt(line.claimedMinor)).toString(),
            rides: 4,
            ledgerMinor: '4804',
          }),
        ),
      'CLAIM_BUNDLE_CLAIM',
    ],
    [
      'other bytes than the log has of it',
      () => codeOf({ ...files, 'claim.json': text('claim.json').replace('Бойко', 'Бойка') }),
      'CLAIM_BUNDLE_PROOF',
    ],
    ['another total', () => codeOf(claimed({ claimedMinor: '1' })), 'CLAIM_BUNDLE_TOTAL'],
    ['another number of rides', () => codeOf(claimed({ rides: 3 })), 'CLAIM_BUNDLE_TOTAL'],
    ['another sum of the ledger', () => codeOf(claimed({ ledgerMinor: '1' })), 'CLAIM_BUNDLE_TOTAL'],
    [
      'a correction without its objection',
      () => codeOf(claimed({ corrections: [{ objectionId: 'o', claimId: 'c', lineId: 'l', minor: '0' }] })),
      'CLAIM_BUNDLE_TOTAL',
    ],
    ['other columns', () => codeOf({ ...files, 'taps.csv': `x${text('taps.csv')}` }), 'CLAIM_BUNDLE_TAPS'],
    ['an empty table', () => codeOf({ ...files, 'taps.csv': '' }), 'CLAIM_BUNDLE_TAPS'],
    [
      'no end of a table',
      () => codeOf({ ...files, 'taps.csv': text('taps.csv').slice(0, -1) }),
      'CLAIM_BUNDLE_TAPS',
    ],
    ['a row with more cells', () => codeOf(cell(0, 'a,b')), 'CLAIM_BUNDLE_TAPS'],
    ['no number', () => codeOf(cell(8, 'x')), 'CLAIM_BUNDLE_TAPS'],
    ['a direction of its own', () => codeOf(cell(3, '2')), 'CLAIM_BUNDLE_TAPS'],
    ['a ride and a half', () => codeOf(cell(6, '1.5')), 'CLAIM_BUNDLE_TAPS'],
    ['a reason of its own', () => codeOf(cell(10, 'because')), 'CLAIM_BUNDLE_TAPS'],
    ['taken back from nothing', () => codeOf(cell(3, '-1')), 'CLAIM_BUNDLE_TAPS'],
  ])('%s', async (_name, verdict, code) => {
    expect(await verdict()).toBe(code);
  });

  test('a line that never ends is not read to its end', async () => {
    let given = 0;
    async function* endless() {
      for (; ; given++) yield Buffer.alloc(65_536, 97);
    }
    await expect(bundleLines(endless()).next()).rejects.toMatchObject({ code: 'CLAIM_BUNDLE_TAPS' });
    expect(given).toBeLessThanOrEqual(LINE_BYTES_MAX / 65_536 + 1);
  });
});
