/** One YAML file checked against its schema, with the place of each problem. */
import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { FileProblem } from './file-problem.ts';
import { type FormProblem, formProblems } from './form-problems.ts';
import { firstOutsideUtf8, isUtf8, SAVE_AS_UTF8 } from './gtfs/utf8-place.ts';
import type { FileProblemCode } from './problem-codes.ts';

/** Largest YAML file in bytes. */
export const YAML_BYTES_MAX = 4 * 1024 * 1024;
const PROBLEMS_MAX = 50;

/** Tells where in its file a value stands: path of keys and positions, e.g. ['concessions', 3, 'act']. */
export type YamlPath = readonly (string | number)[];

export interface YamlFile<T> {
  readonly value: T;
  /** Makes a problem at a place of this file. */
  problemAt(code: FileProblemCode, path: YamlPath, message: string, howToMend: string): FileProblem;
  /** Where a value stands; both from 1. */
  placeOf(path: YamlPath): { readonly line: number; readonly column: number };
}

/** How a file is read that is no part of a package. */
export interface YamlForm {
  /** Every value stays the text that is written: no numbers, no truth values, no nothing. */
  readonly asText: boolean;
  /** Where its fields are described, as a sentence. */
  readonly readme: string;
}

/** Parses and checks a file; `undefined` with problems when it cannot be used. */
export function readYamlFile<S extends TSchema>(
  file: string,
  bytes: Uint8Array | undefined,
  schema: S,
  problems: FileProblem[],
  form?: YamlForm,
): YamlFile<Static<S>> | undefined {
  const at = (
    code: FileProblemCode,
    line: number,
    column: number,
    message: string,
    howToMend: string,
  ): FileProblem => ({
    code,
    file,
    line,
    column,
    severity: 'error',
    message,
    howToMend,
  });
  if (!bytes) {
    problems.push(
      at(
        'TARIFF_FILE_MISSING',
        1,
        1,
        'the file is missing',
        'Add it; fare-engine/tariffs/README.md describes its fields.',
      ),
    );
    return undefined;
  }
  if (bytes.byteLength > YAML_BYTES_MAX) {
    problems.push(
      at(
        'TARIFF_FILE_TOO_LARGE',
        1,
        1,
        `the file has more than ${YAML_BYTES_MAX} bytes`,
        'Part the package.',
      ),
    );
    return undefined;
  }
  if (!isUtf8(bytes)) {
    // What became a check later is a warning: such letters were read as signs of nothing before, and still are.
    const { line, column } = firstOutsideUtf8(bytes);
    const message = 'the file is not UTF-8: letters are lost';
    problems.push({
      ...at('TARIFF_FILE_NOT_UTF8', line, column, message, SAVE_AS_UTF8),
      severity: 'warning',
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(decode(bytes), {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
    ...(form?.asText && { schema: 'failsafe' as const }),
  });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (document.errors.length > 0) {
    for (const error of document.errors.slice(0, PROBLEMS_MAX)) {
      const { line, column } = place(error.pos[0]);
      problems.push(
        at('TARIFF_FILE_YAML', line, column, `not YAML: ${error.message.slice(0, 200)}`, mendOf(error.code)),
      );
    }
    return undefined;
  }
  const placeOf = (path: YamlPath) => place(offsetOf(document.contents, path));
  const problemAt = (code: FileProblemCode, path: YamlPath, message: string, howToMend: string) => {
    const { line, column } = placeOf(path);
    return at(code, line, column, message, howToMend);
  };
  const value = toValue(document);
  if (value === REFUSED) {
    problems.push(at('TARIFF_FILE_YAML', 1, 1, 'too many aliases (*name)', 'Write the values out.'));
    return undefined;
  }
  const found = check(schema, value, form?.readme);
  for (const { path, message, howToMend } of found)
    problems.push(problemAt('TARIFF_SCHEMA', path, message, howToMend));
  for (const { offset, written, read } of rewrittenNumbers(document)) {
    const { line, column } = place(offset);
    const message = `${written} is read as ${read}`;
    const mend = 'Write a whole number in digits alone; of money in minor units, 4.00 is 400.';
    problems.push({ ...at('TARIFF_VALUE_INVALID', line, column, message, mend), severity: 'warning' });
  }
  return found.length > 0 ? undefined : { value: value as Static<S>, problemAt, placeOf };
}

/** One tab makes errors of all lines that follow. */
function mendOf(code: string): string {
  return code === 'TAB_AS_INDENT'
    ? 'Begin the line with spaces, as those beside it; lines after it may be right.'
    : 'Correct the line.';
}

const REFUSED = Symbol('refused');

/** A document of hostile aliases would grow without bound: 100 uses of one anchor are plenty. */
function toValue(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    if (error instanceof ReferenceError) return REFUSED;
    throw error;
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: false }).decode(bytes);
}

/** Numbers that are not read as they look: `4.00` in a field of minor units is four of them. */
function rewrittenNumbers(document: ReturnType<typeof parseDocument>) {
  const found: { readonly offset: number; readonly written: string; readonly read: number }[] = [];
  visit(document, {
    Scalar(_, { value, source = '', range }) {
      if (
        typeof value === 'number' &&
        source !== String(value) &&
        source !== '' &&
        found.length < PROBLEMS_MAX
      )
        found.push({ offset: range?.[0] ?? 0, written: source.slice(0, 60), read: value });
    },
  });
  return found;
}

/** Compiled once for each schema: a city has many files of few kinds. */
const validators = new WeakMap<TSchema, Validator>();

function validatorOf(schema: TSchema): Validator {
  const known = validators.get(schema);
  if (known !== undefined) return known;
  const validator: Validator = Compile(schema);
  validators.set(schema, validator);
  return validator;
}

function check(schema: TSchema, value: unknown, readme: string | undefined): FormProblem[] {
  const validator = validatorOf(schema);
  return validator.Check(value)
    ? []
    : formProblems(validator.Errors(value), schema, readme).slice(0, PROBLEMS_MAX);
}

/** Offset of the deepest node that exists on the path; of a map's entry, that of its key. */
function offsetOf(root: unknown, path: YamlPath): number {
  let node = root as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else {
      const next = (node as { items?: Node[] } | null)?.items?.[Number(key)];
      if (!next) break;
      offset = next.range?.[0] ?? offset;
      node = next;
    }
  }
  return offset;
}
