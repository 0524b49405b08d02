/**
 * Configuration comes from the environment, once, at the start, against a schema; all problems are named together.
 */
import type { Static, TObject, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { OperatorError } from './errors.ts';

export interface ReadEnvironmentOptions {
  /** Other names that may stand in the same environment, e.g. those of the roles started beside this one. */
  readonly alsoKnown?: readonly string[];
}

const PREFIX = 'KVYTOK_';

/**
 * Reads a role's configuration. The schema is a TypeBox object whose keys are the names of variables; integers,
 * numbers and booleans are read from their text; `default` fills what is missing; an empty text counts as missing.
 * Values never appear in messages, since some are secrets.
 * @throws OperatorError CONFIG_INVALID, naming every problem, unknown `KVYTOK_*` names included.
 */
export function readEnvironment<S extends TObject>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
  options: ReadEnvironmentOptions = {},
): Static<S> {
  const properties = schema.properties as Record<string, TSchema>;
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  const required = new Set((schema as { required?: string[] }).required ?? []);
  for (const [name, property] of Object.entries(properties)) {
    const text = env[name];
    if (text === undefined || text === '') {
      const fallback = (property as { default?: unknown }).default;
      if (fallback !== undefined) values[name] = fallback;
      else if (required.has(name)) problems.push(`${name} is missing${hint(property)}`);
      continue;
    }
    const value = fromText(text, property);
    if (Compile(property).Check(value)) values[name] = value;
    else problems.push(`${name} does not fit${hint(property)}`);
  }
  problems.push(...unknownNames(env, new Set([...Object.keys(properties), ...(options.alsoKnown ?? [])])));
  if (problems.length > 0) throw invalid(problems);
  return values as Static<S>;
}

/** Text → the type its schema asks for. What cannot be read stays text and fails the check. */
function fromText(text: string, schema: TSchema): unknown {
  const type = (schema as { type?: string }).type;
  if ((type === 'integer' || type === 'number') && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === '1')) return true;
  if (type === 'boolean' && (text === 'false' || text === '0')) return false;
  return text;
}

/** What a value must look like, in words, from the schema. */
function hint(schema: TSchema): string {
  const s = schema as Record<string, unknown>;
  const facts: string[] = [];
  const choices = s['anyOf'] as { const?: unknown }[] | undefined;
  if (choices) facts.push(`one of ${choices.map((choice) => String(choice.const)).join(', ')}`);
  else if (s['const'] !== undefined) facts.push(`exactly ${String(s['const'])}`);
  else if (typeof s['type'] === 'string') facts.push(s['type'] === 'string' ? 'text' : s['type']);
  if (s['minimum'] !== undefined) facts.push(`at least ${String(s['minimum'])}`);
  if (s['maximum'] !== undefined) facts.push(`at most ${String(s['maximum'])}`);
  if (typeof s['pattern'] === 'string') facts.push(`of the form ${s['pattern']}`);
  const description = typeof s['description'] === 'string' ? `: ${s['description']}` : '';
  return ` (${facts.join(', ')})${description}`;
}

function unknownNames(env: Readonly<Record<string, string | undefined>>, known: Set<string>): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && env[name] !== undefined && !known.has(name))
    .sort()
    .map((name) => {
      const near = nearest(name, known);
      return `${name} is not known${near === undefined ? '' : `; was ${near} meant?`}`;
    });
}

/** The known word closest to a mistyped one, or none when nothing is close. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 4)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

function invalid(problems: readonly string[]): OperatorError {
  return new OperatorError({
    code: 'CONFIG_INVALID',
    happened: `The configuration has ${problems.length} problem(s): ${problems.join('; ')}.`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Set these environment variables and start again.',
  });
}
