/** What a schema finds wrong with a YAML file, in the words of whoever writes the file. */
import { mixesAlphabets, nearestName } from './nearest-name.ts';

/** One value that has another form than its field asks for. */
export interface FormProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly howToMend: string;
}

/** An error as the validator tells it. */
interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params?: unknown;
}

const README = 'fare-engine/tariffs/README.md describes the fields.';
const DATE = '^[0-9]{4}-[0-9]{2}-[0-9]{2}$';

/** What values of other forms are, and how each is written. */
const FORMS: Readonly<Record<string, readonly [what: string, how: string]>> = {
  [DATE]: ['is no date', 'Write it as YYYY-MM-DD.'],
  '^[A-Z]{3}$': ['is no code of a currency', 'Write three capital letters, such as UAH.'],
  '^([01][0-9]|2[0-3]):[0-5][0-9]$': ['is no time', 'Write it as HH:MM in double quotes, such as "04:30".'],
  '^https?://': ['is no address', 'Write it with https:// before it.'],
};

/** How a value of each type is written. */
const TYPES: Readonly<Record<string, readonly [what: string, how: string]>> = {
  array: ['a list', 'Write it in brackets, or a line with a dash for each.'],
  boolean: ['true or false', 'Write one of the two.'],
  integer: ['a whole number', 'Write digits alone, without quotes.'],
  number: ['a number', 'Write it without quotes.'],
  object: ['a group of fields', 'Write each field as name: value.'],
  string: ['a text', 'Put digits and signs into double quotes.'],
};

/**
 * Of a value that may be a text or nothing at all only the text is told; a misspelt field is told once, at its place, with the
 * field of the schema that is nearest.
 */
export function formProblems(
  errors: Iterable<SchemaError>,
  schema: unknown = {},
  readme: string = README,
): FormProblem[] {
  const all = [...errors];
  const open = new Set(all.filter(({ keyword }) => keyword === 'anyOf').map((error) => error.instancePath));
  const found = all.flatMap((error) => {
    const { keyword, instancePath, params } = error;
    if (keyword === 'anyOf' || keyword === 'boolean') return [];
    if (open.has(instancePath) && keyword === 'type' && typeOf(params) === 'null') return [];
    return told(error, schema, readme);
  });
  // Whatever a schema refuses stays refused, if only by its own words.
  return found.length > 0 ? found : all.flatMap((error) => told(error, schema, readme));
}

function told(
  { keyword, instancePath, message, params }: SchemaError,
  schema: unknown,
  readme: string,
): FormProblem[] {
  const path = pathOf(instancePath);
  const name = [...path].reverse().find((key) => typeof key === 'string') ?? 'the file';
  const at = (text: string, howToMend: string) => [
    { path, message: text, howToMend: `${howToMend} ${readme}` },
  ];
  const { requiredProperties, additionalProperties, allowedValues, pattern } = (params ?? {}) as {
    requiredProperties?: readonly string[];
    additionalProperties?: readonly string[];
    allowedValues?: readonly unknown[];
    pattern?: string;
  };
  if (keyword === 'required' && requiredProperties)
    return at(`${requiredProperties.join(', ')} is missing`, 'Add it.');
  if (keyword === 'additionalProperties' && additionalProperties)
    return additionalProperties.map((key) => ({
      path: [...path, key],
      message: `${key} is no field here${mixesAlphabets(key) ? ', it has letters of two alphabets' : ''}`,
      howToMend: `${renamed(nearestName(key, fieldsAt(schema, path)))} ${readme}`,
    }));
  if (keyword === 'enum' && allowedValues)
    return at(`${name} is none of its values`, `Write one of: ${allowedValues.join(', ')}.`);
  const form = keyword === 'pattern' ? FORMS[pattern ?? ''] : undefined;
  if (form) return at(`${name} ${form[0]}`, form[1]);
  if (keyword === 'minLength')
    return at(`${name} is empty`, name === 'article' ? 'Write it, or not-established.' : 'Write it.');
  const [what, how] = TYPES[keyword === 'type' ? typeOf(params) : ''] ?? [];
  if (what !== undefined && how !== undefined) return at(`${name} must be ${what}`, how);
  return at(`${name} ${message}`, 'Correct the value.');
}

function renamed(meant: string | undefined): string {
  return meant === undefined
    ? 'Correct its name, or remove it.'
    : `Write ${meant}, if it is what is meant, or remove it.`;
}

/** Names of the fields that a schema has at a path. */
function fieldsAt(schema: unknown, path: readonly (string | number)[]): string[] {
  let at = schema as Fields | undefined;
  for (const key of path) at = typeof key === 'number' ? at?.items : at?.properties?.[key];
  return Object.keys(at?.properties ?? {});
}

interface Fields {
  readonly properties?: Readonly<Record<string, Fields>>;
  readonly items?: Fields;
}

function typeOf(params: unknown): string {
  const { type } = (params ?? {}) as { type?: unknown };
  return typeof type === 'string' ? type : '';
}

function pathOf(pointer: string): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((key) => (/^\d+$/.test(key) ? Number(key) : key));
}
