/**
 * Reads a file of cases: what fare officers write beside a tariff, and what the tests of the cities' tariffs are. Pure: bytes
 * in; cases with their places out, or problems with file, line, column, what is wrong and what to write instead.
 */
import type { FileProblem } from '#pricing/file-problem.ts';
import { firstOutsideUtf8, isUtf8, SAVE_AS_UTF8 } from '#pricing/gtfs/utf8-place.ts';
import type { FileProblemCode } from '#pricing/problem-codes.ts';
import { readYamlFile, YAML_BYTES_MAX, type YamlFile, type YamlPath } from '#pricing/yaml-file.ts';
import { CasesFile, type FareCase, type WrittenCase } from './case-schema.ts';

/** A case of a file. */
export interface PlacedCase {
  readonly file: string;
  readonly fare: FareCase;
  /** Where a value of it stands, both from 1; by its path within the case. */
  placeOf(path: YamlPath): { readonly line: number; readonly column: number };
  problemAt(code: FileProblemCode, path: YamlPath, message: string, howToMend: string): FileProblem;
}

export interface ReadCases {
  readonly cases: readonly PlacedCase[];
  readonly problems: readonly FileProblem[];
}

/** Largest file of cases, in bytes. */
export const CASES_BYTES_MAX = YAML_BYTES_MAX;
/** Most rides of one case, repetitions counted: who rides twice as often is priced for more than twice as long. */
const CASE_RIDES_MAX = 1000;
/** Most rides of a file, those of `each` counted for each right. */
const FILE_RIDES_MAX = 100_000;
const README = 'fare-engine/tariff-cases/README.md describes the fields.';

/** A problem of a file as a whole. */
export function casesProblem(
  code: FileProblemCode,
  file: string,
  message: string,
  howToMend: string,
): FileProblem {
  return { code, file, line: 1, column: 1, severity: 'error', message, howToMend };
}

/** Cases of a file; those with `each` once for each right, named after it. */
export function readCases(file: string, bytes: Uint8Array): ReadCases {
  const refuse = (...how: [FileProblemCode, string, string]): ReadCases => ({
    cases: [],
    problems: [casesProblem(how[0], file, how[1], how[2])],
  });
  if (bytes.byteLength > CASES_BYTES_MAX) return refuse(...tooLarge(bytes.byteLength));
  if (!isUtf8(bytes)) {
    const found = casesProblem('TARIFF_FILE_NOT_UTF8', file, 'the file is not UTF-8', SAVE_AS_UTF8);
    return { cases: [], problems: [{ ...found, ...firstOutsideUtf8(bytes) }] };
  }
  // Comments alone are no cases either.
  if (['', '---', '[]'].includes(new TextDecoder().decode(bytes).replace(/#.*$/gm, '').trim()))
    return refuse(
      'TARIFF_CASES_NONE',
      'the file has no cases',
      `Write each as "- name: …" with rides. ${README}`,
    );
  const problems: FileProblem[] = [];
  const read = readYamlFile(file, bytes, CasesFile, problems, { asText: true, readme: README });
  if (read === undefined) return { cases: [], problems };
  problems.push(...tooManyRides(file, read));
  if (problems.length > 0) return { cases: [], problems };
  const cases = read.value.flatMap(({ each, ...one }, i): PlacedCase[] => {
    const placed = (fare: FareCase, right?: number): PlacedCase => {
      // The right that `each` adds stands in no list of entitlements.
      const added = one.entitlements?.length ?? 0;
      const written = (path: YamlPath): YamlPath =>
        right !== undefined && path[0] === 'entitlements' && path[1] === added
          ? [i, 'each', right]
          : [i, ...path];
      return {
        file,
        fare,
        placeOf: (path) => read.placeOf(written(path)),
        problemAt: (code, path, message, howToMend) =>
          read.problemAt(code, written(path), message, howToMend),
      };
    };
    return each?.map((concession, k) => placed(withRight(one, concession), k)) ?? [placed(one)];
  });
  return { cases, problems };
}

/** What would be tried for hours, or not fit into memory. */
function tooManyRides(file: string, { value, problemAt }: YamlFile<readonly WrittenCase[]>): FileProblem[] {
  const rides = value.map((one) =>
    one.rides.reduce((sum, { times }) => sum + Math.max(1, Number(times) || 1), 0),
  );
  const long = rides.findIndex((many) => many > CASE_RIDES_MAX);
  const code = 'TARIFF_FILE_TOO_LARGE';
  if (long >= 0) {
    const message = `the case has ${rides[long]} rides; at most ${CASE_RIDES_MAX} are tried`;
    return [problemAt(code, [long, 'rides'], message, 'Part it into several cases.')];
  }
  const all = value.reduce((sum, { each }, i) => sum + (rides[i] ?? 0) * (each?.length ?? 1), 0);
  if (all <= FILE_RIDES_MAX) return [];
  const message = `the file has ${all} rides; at most ${FILE_RIDES_MAX} are tried`;
  return [casesProblem(code, file, message, 'Part it into several files.')];
}

/** Why a file of this size is not read. */
export function tooLarge(bytes: number): [FileProblemCode, string, string] {
  const limit = `${CASES_BYTES_MAX / 1024 / 1024} MiB`;
  return [
    'TARIFF_FILE_TOO_LARGE',
    `${bytes} bytes; at most ${limit} are read`,
    'Part it into several files.',
  ];
}

/** The same case for who has held this right at all times. */
function withRight(one: FareCase, concession: string): FareCase {
  return {
    ...one,
    name: `${one.name}: ${concession}`,
    entitlements: [...(one.entitlements ?? []), { concession, from: '2000-01-01' }],
  };
}
