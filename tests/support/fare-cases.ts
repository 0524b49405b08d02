/** The folder of the cities' cases, and their cases, read as `kvytok tariff try` reads them. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FileProblem } from '#pricing/file-problem.ts';
import type { FileProblemCode } from '#pricing/problem-codes.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { type ReadCases, readCases } from '../../fare-engine/tariff-cases/read-cases.ts';
import { tryCase } from '../../fare-engine/tariff-cases/try-case.ts';

/** Folder of the cases, one folder for each city in it. */
export const CASES_DIR = fileURLToPath(new URL('../cases/', import.meta.url));

/** The files of a city's cases. */
export function caseFilesOf(city: string): (ReadCases & { readonly file: string })[] {
  return readdirSync(`${CASES_DIR}${city}`)
    .sort()
    .map((file) => ({ file, ...readCases(file, readFileSync(`${CASES_DIR}${city}/${file}`)) }));
}

/** What keeps a file of cases from being tried. */
export function caseProblems(text: string, tariffs: TariffTimeline, dayStart = '04:00'): FileProblem[] {
  const { cases, problems } = readCases('cases.yaml', Buffer.from(text));
  const attempts = cases.map((placed) => tryCase(placed, tariffs, dayStart));
  return [...problems, ...attempts.flatMap((attempt) => (attempt.ok ? [] : attempt.problems))];
}

const rideAt = (at: string): string =>
  `- name: x\n  rides: [{ at: ${at}, medium: social, route: T1, pays: 12.00 }]\n`;

/** Files that have each of the problems that only cases have, where it stands; under the small package of the tests. */
export const CASE_CODES = {
  TARIFF_CASES_NONE: { text: '# later\n', at: '1:1' },
  TARIFF_CASE_DATE: { text: rideAt('2025-12-31 23:59:59'), at: '2:13' },
  TARIFF_CASE_TIME: { text: rideAt('2026-03-29 03:00:00'), at: '2:13' },
} as const satisfies Partial<Record<FileProblemCode, { text: string; at: string }>>;
