import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { hashPackage } from '#pricing/tariff-package.ts';
import {
  loadTariffFolder,
  loadTariffTimeline,
  PACKAGE_FILES_MAX,
} from '../../../fare-engine/tariffs/load-tariff.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE } from '../../support/tariff.ts';

const root = mkdtempSync(join(tmpdir(), 'kvytok-tariff-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const city = fileURLToPath(new URL('../../../cities/ternopil/', import.meta.url));

function write(name: string, files: Readonly<Record<string, string>> = PACKAGE): string {
  const dir = join(root, name);
  mkdirSync(dir, { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), text.trimStart());
  return dir;
}

describe('a folder', () => {
  it('is a package with the hash of its bytes; hidden files do not count', async () => {
    const dir = write('one');
    writeFileSync(join(dir, '.swp'), 'x');
    const read = await loadTariffFolder(dir);
    expect(read.ok && read.package.hash).toBe(hashPackage(filesOf(PACKAGE)));
    writeFileSync(join(dir, 'NOTES.md'), 'a word more');
    const changed = await loadTariffFolder(dir);
    expect(changed.ok && changed.package.hash).not.toBe(hashPackage(filesOf(PACKAGE)));
  });

  it('that is absent, or has too many files, is a problem and no crash', async () => {
    expect(await loadTariffFolder(join(root, 'nowhere'))).toMatchObject({
      ok: false,
      problems: [{ message: 'the folder cannot be read' }],
    });
    const dir = write('many');
    for (let i = 0; i <= PACKAGE_FILES_MAX; i++) writeFileSync(join(dir, `f${i}`), '');
    expect((await loadTariffFolder(dir)).ok).toBe(false);
  });
});

describe('a city', () => {
  it('has its packages in order of time', async () => {
    const read = await loadTariffTimeline(join(city, 'tariff'));
    expect(read.problems).toEqual([]);
    expect(read.ok && read.timeline.packages.map((p) => p.tariff.valid_from)).toEqual([
      '2018-11-01',
      '2021-10-01',
      '2024-08-01',
    ]);
  });

  it('is not priced at all with one broken package, and the problem names its folder', async () => {
    const dir = join(root, 'city');
    cpSync(join(city, 'tariff'), dir, { recursive: true });
    writeFileSync(join(dir, '2021-10-01', 'funding.yaml'), 'funding: none\n');
    const read = await loadTariffTimeline(dir);
    expect(read.ok).toBe(false);
    expect(read.problems[0]).toMatchObject({ file: '2021-10-01/funding.yaml', line: 1 });
    expect((await loadTariffTimeline(join(root, 'nowhere'))).ok).toBe(false);
    mkdirSync(join(root, 'empty'));
    expect((await loadTariffTimeline(join(root, 'empty'))).ok).toBe(false);
  });
});
