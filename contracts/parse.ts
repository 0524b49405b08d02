/**
 * Parse once, at the border: bytes → JSON → a checked value, or a list of problems that a person can act on.
 */
import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';

/** One thing wrong with an input: where (JSON pointer, '' = the whole) and what, in plain words. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

/** An expected refusal is a value, not an exception. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: Problem[] };

const PROBLEMS_MAX = 20;

/**
 * Compiles a schema into a parser of decoded JSON. At most {@link PROBLEMS_MAX} problems are reported, so that a
 * hostile input cannot make a large answer. The schema is compiled by the first input: a process knows many more
 * schemas than it ever meets, and compiling all at its start took longer than most commands run.
 */
export function parserOf<S extends TSchema>(schema: S): (input: unknown) => Parsed<Static<S>> {
  let compiled: Validator | undefined;
  return (input) => {
    compiled ??= Compile(schema);
    const validator = compiled;
    if (validator.Check(input)) return { ok: true, value: input as Static<S> };
    const problems: Problem[] = [];
    for (const error of validator.Errors(input)) {
      problems.push({ path: error.instancePath, message: error.message });
      if (problems.length === PROBLEMS_MAX) break;
    }
    return { ok: false, problems };
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes UTF-8 JSON. Refuses what is over `bytesMax`, not UTF-8, not JSON, nested deeper than `depthMax`
 * (a parser's recursion is bounded), or carries `__proto__` as a key.
 */
export function decodeJson(bytes: Uint8Array, bytesMax: number, depthMax = 16): Parsed<unknown> {
  if (bytes.byteLength > bytesMax) return refuse(`${bytes.byteLength} bytes, at most ${bytesMax} are taken`);
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return refuse('not UTF-8');
  }
  return decodeJsonText(text, depthMax);
}

/** As {@link decodeJson}, from text already decoded. */
export function decodeJsonText(text: string, depthMax = 16): Parsed<unknown> {
  if (nestingDepth(text) > depthMax) return refuse(`nested deeper than ${depthMax} levels`);
  try {
    const value: unknown = JSON.parse(text);
    if (text.includes('__proto__')) return refuse('a key named __proto__ is not taken');
    return { ok: true, value };
  } catch (error) {
    return refuse(`not JSON: ${(error as Error).message.slice(0, 120)}`);
  }
}

/** Makes a one-problem refusal. */
export function refuse(message: string, path = ''): { ok: false; problems: Problem[] } {
  return { ok: false, problems: [{ path, message }] };
}

/** All problems on one line, for logs and errors. */
export function describeProblems(problems: readonly Problem[]): string {
  return problems.map((p) => (p.path === '' ? p.message : `${p.path}: ${p.message}`)).join('; ');
}

function nestingDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (c === 0x7d || c === 0x5d) depth--;
  }
  return deepest;
}
