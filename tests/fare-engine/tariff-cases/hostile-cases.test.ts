/** Whatever bytes a file of cases has: problems with places, or cases that are tried; never a crash. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFileProblem } from '#pricing/file-problem.ts';
import { CASES_BYTES_MAX, readCases } from '../../../fare-engine/tariff-cases/read-cases.ts';
import { tryCase } from '../../../fare-engine/tariff-cases/try-case.ts';
import { caseLines, caseObject, summaryLine } from '../../../fare-engine/tariff-cases/try-text.ts';
import { CASES_DIR } from '../../support/fare-cases.ts';
import { ternopil } from '../../support/tariff.ts';

const tariffs = await ternopil();

/** Reads and tries everything, and tells all of it; how many cases were tried, and what was wrong. */
function everything(bytes: Uint8Array): { readonly cases: number; readonly codes: readonly string[] } {
  const { cases, problems } = readCases('hostile.yaml', bytes);
  const attempts = cases.map((placed) => tryCase(placed, tariffs, '04:00'));
  const tried = attempts.flatMap((attempt) => (attempt.ok ? [attempt.tried] : []));
  const wrong = [...problems, ...attempts.flatMap((attempt) => (attempt.ok ? [] : attempt.problems))];
  for (const problem of wrong) {
    const { line, column, message, howToMend } = problem;
    expect(Math.min(line, column)).toBeGreaterThan(0);
    expect(Math.min(message.length, howToMend.length)).toBeGreaterThan(3);
    expect(formatFileProblem(problem)).not.toMatch(/\p{Cc}/u);
  }
  for (const one of tried) {
    expect(caseLines(one, tariffs, 'uk').join('')).not.toMatch(/\p{Cc}/u);
    expect(caseObject(one, tariffs)).toHaveProperty('asExpected', one.asExpected);
  }
  expect(summaryLine(tried, 'pl')).toContain(String(tried.length));
  expect(tried.length + wrong.length).toBeGreaterThan(0);
  return { cases: tried.length, codes: wrong.map(({ code }) => code) };
}

const SOURCES = ['breakdowns', 'concessions', 'clocks', 'rule-dates'].map((name) =>
  readFileSync(`${CASES_DIR}ternopil/${name}.yaml`),
);
const damage = fc.record({
  at: fc.nat(4000),
  length: fc.nat(30),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    fc
      .constantFrom(
        ...[
          '"',
          ',',
          '\n',
          '-',
          '&a',
          '*a',
          '{',
          ']',
          '|',
          'null',
          '-1',
          '99999999999999999999',
          '2026-02-30',
        ],
        ...[
          '9999-12-31 23:59:59',
          '1970-01-01 00:00',
          '\u0000',
          '\u001b[2J',
          ': ',
          'times: 99, ',
          'until: 1999-01-01, ',
        ],
      )
      .map((text) => Buffer.from(text)),
  ),
});

describe('files of cases', () => {
  it('that are damaged are told where, or tried', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SOURCES),
        fc.array(damage, { minLength: 1, maxLength: 3 }),
        (file, damages) => {
          let bytes: Uint8Array = file;
          for (const { at, length, bytes: instead } of damages) {
            const start = Math.min(at, bytes.length);
            bytes = Buffer.concat([bytes.subarray(0, start), instead, bytes.subarray(start + length)]);
          }
          everything(bytes);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('that nest deeply, name one value many times, or say things that a terminal would obey', () => {
    expect(everything(Buffer.from('['.repeat(200_000))).codes).toContain('TARIFF_FILE_YAML');
    expect(
      everything(Buffer.from(`- name: x\n  rides: ${'['.repeat(2000)}${']'.repeat(2000)}\n`)).cases,
    ).toBe(0);
    const aliases = `- &a [x]\n${Array.from({ length: 200 }, () => '- *a\n').join('')}`;
    expect(everything(Buffer.from(aliases)).codes).toEqual(['TARIFF_FILE_YAML']);
    const red =
      '- name: "\\e[31mred\\nline"\n  rides: [{ at: 2024-09-02 08:00, medium: social, route: T5, pays: 1.00 }]\n';
    expect(everything(Buffer.from(red))).toEqual({ cases: 1, codes: [] });
    const key = '- name: x\n  "\\e[2J\\n": y\n  rides: []\n';
    expect(everything(Buffer.from(key)).codes).toContain('TARIFF_SCHEMA');
    const comments = `${'#'.repeat(5000)}\n`.repeat(50);
    expect(everything(Buffer.from(`${comments}- x\n`)).codes).toEqual(['TARIFF_SCHEMA']);
    const route = red.replace('T5', '"\\e[2J\\n"');
    expect(everything(Buffer.from(route)).codes).toEqual(['TARIFF_REFERENCE_UNKNOWN']);
  });

  it('up to the size that is read, and not a byte more', () => {
    const ride = '- { name: x, rides: [{ at: 2024-09-02 08:00, medium: social, route: T5, pays: 12.00 }] }\n';
    const bytes = (size: number) =>
      Buffer.concat([Buffer.from(ride), Buffer.alloc(size - ride.length, '\n')]);
    expect(everything(bytes(CASES_BYTES_MAX))).toEqual({ cases: 1, codes: [] });
    expect(everything(bytes(CASES_BYTES_MAX + 1))).toEqual({ cases: 0, codes: ['TARIFF_FILE_TOO_LARGE'] });
  });

  it('up to the rides that are tried, and not one more', () => {
    const rides = (...times: number[]) =>
      times.map((n) => `    - { at: x, medium: social, route: T5, pays: 1.00, times: ${n} }\n`).join('');
    const one = (list: string, each = '') => `- name: x\n${each}  rides:\n${list}`;
    const codes = (text: string) => readCases('many.yaml', Buffer.from(text)).problems.map((p) => p.code);
    const most = Array.from({ length: 10 }, () => 99);
    expect(codes(one(rides(...most, 10)))).toEqual([]);
    expect(codes(one(rides(...most, 11)))).toEqual(['TARIFF_FILE_TOO_LARGE']);
    const each = (n: number) => `  each: [${Array.from({ length: n }, (_, i) => `right-${i}`).join(', ')}]\n`;
    expect(codes(one(rides(...most, 10), each(100)))).toEqual([]);
    expect(codes(one(rides(...most, 10), each(101)))).toEqual(['TARIFF_FILE_TOO_LARGE']);
    expect(codes(one(rides(1), each(501)))).toEqual(['TARIFF_SCHEMA']);
    expect(codes(one(rides(1), each(500)))).toEqual([]);
  });
});
