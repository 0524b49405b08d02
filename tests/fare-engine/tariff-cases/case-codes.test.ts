/** The problems that only cases have, each provoked once (the others: `../pricing/problem-codes.test.ts`), and files beside them that have none. */
import { describe, expect, it } from 'vitest';
import { CASE_CODES, caseProblems } from '../../support/fare-cases.ts';
import { packageOf, timelineOf } from '../../support/tariff.ts';

const found = (text: string) =>
  caseProblems(text, timelineOf(packageOf())).map(({ code, line, column }) => `${code} ${line}:${column}`);

describe('a file of cases', () => {
  it.each(Object.entries(CASE_CODES))('%s', (code, { text, at }) => {
    expect(found(text)).toEqual([`${code} ${at}`]);
  });

  it.each(['2026-01-01 00:00:00', '2026-03-29 02:59:59', '2026-03-29 04:00:00', '2026-10-25 03:30:00+03:00'])(
    'has none at %s',
    (at) => {
      const { text } = CASE_CODES.TARIFF_CASE_DATE;
      expect(found(text.replace('2025-12-31 23:59:59', at))).toEqual([]);
    },
  );
});
