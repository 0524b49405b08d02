/** What `kvytok tariff check` says of values of another form: the field, what it must be, and how to write it. */
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import type { FileProblem } from '#pricing/file-problem.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { readYamlFile } from '#pricing/yaml-file.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE } from '../../support/tariff.ts';

function told(file: string, from: string, to: string): string[] {
  const text = (PACKAGE[file] as string).trimStart();
  expect(text).toContain(from);
  return readTariffPackage(filesOf({ ...PACKAGE, [file]: text.replace(from, to) }))
    .problems.filter(({ code }) => code === 'TARIFF_SCHEMA')
    .map(({ line, message, howToMend }) =>
      `${line}: ${message} → ${howToMend.split('fare-engine')[0]}`.trim(),
    );
}

describe('a value of another form', () => {
  it.each([
    [
      'concessions.yaml',
      'discount_bp: 5000',
      'discount_bp: "5000"',
      '34: discount_bp must be a whole number → Write digits alone, without quotes.',
    ],
    [
      'concessions.yaml',
      'level: state',
      'level: town',
      '7: level is none of its values → Write one of: state, oblast, city.',
    ],
    [
      'concessions.yaml',
      'valid_from: 2026-01-01',
      'valid_from: 01.01.2026',
      '8: valid_from is no date → Write it as YYYY-MM-DD.',
    ],
    [
      'concessions.yaml',
      'valid_to: null',
      'valid_to: soon',
      '9: valid_to is no date → Write it as YYYY-MM-DD.',
    ],
    [
      'concessions.yaml',
      'media_required:',
      'medium_required:',
      '11: medium_required is no field here → Write media_required, if it is what is meant, or remove it.',
    ],
    ['concessions.yaml', '    article: п. 1\n', '', '2: article is missing → Add it.'],
    [
      'concessions.yaml',
      'article: п. 1',
      'article: ""',
      '6: article is empty → Write it, or not-established.',
    ],
    [
      'tariff.yaml',
      'currency: UAH',
      'currency: uah',
      '6: currency is no code of a currency → Write three capital letters, such as UAH.',
    ],
    [
      'funding.yaml',
      'funding:\n',
      'funding: none\nrows:\n',
      '1: funding must be a list → Write it in brackets, or a line with a dash for each.',
    ],
  ])('%s: %s → %s', (file, from, to, expected) => {
    expect(told(file, from, to)).toContain(expected);
    for (const line of told(file, from, to)) expect(line).not.toMatch(/[{}]|schema|pattern/);
  });

  it('a tab at the beginning of a line is told as what it is', () => {
    const text = (PACKAGE['concessions.yaml'] as string)
      .trimStart()
      .replace('    media_required', '\tmedia_required');
    const [first] = readTariffPackage(filesOf({ ...PACKAGE, 'concessions.yaml': text })).problems;
    expect(first).toMatchObject({
      code: 'TARIFF_FILE_YAML',
      line: 11,
      column: 1,
      howToMend: 'Begin the line with spaces, as those beside it; lines after it may be right.',
    });
  });

  it('a misspelt field is told once', () => {
    expect(told('tariff.yaml', 'valid_to: null', 'valid_too: null')).toEqual([
      expect.stringContaining('valid_to is missing'),
      expect.stringContaining('valid_too is no field here'),
    ]);
  });

  it('that only a choice of forms refuses is refused all the same', () => {
    const problems: FileProblem[] = [];
    const schema = Type.Object({ a: Type.Union([Type.Null(), Type.Null()]) });
    expect(readYamlFile('x.yaml', Buffer.from('a: 1\n'), schema, problems)).toBeUndefined();
    expect(problems.length).toBeGreaterThan(0);
  });
});
