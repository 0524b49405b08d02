/** House rules that a file's name and text can break. Each check returns its problems as sentences. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { isCore } from './import-arrows.ts';
import { bareCode, type ProjectFile, ROOT } from './project-files.ts';

const LINES_MAX = 400;
const README_LINES_MAX = 60;

/** Files stop at 400 lines; catalogues of texts and style sheets are data. */
export function checkSize({ path, text }: ProjectFile): string[] {
  if (!/\.(ts|mjs|sql)$/.test(path) || path.includes('/catalogues/')) return [];
  const lines = text.trimEnd().split('\n').length;
  return lines > LINES_MAX ? [`${path}: ${lines} lines, at most ${LINES_MAX}`] : [];
}

// GTFS prescribes its own file names; documents for people are in capitals.
const PRESCRIBED =
  /^cities\/[^/]+\/(gtfs|tariff\/[^/]+)\/[a-z_]+\.txt$|^(.+\/)?(README|LICENSE|Dockerfile)(\.md)?$|^(docs\/)?[A-Z]+(-[A-Z0-9]+)*\.md$/;
const KEBAB = /^\.?[a-z0-9]+([.-][a-z0-9]+)*$/;

/** File and folder names are kebab-case. */
export function checkName(path: string): string[] {
  if (PRESCRIBED.test(path)) return [];
  const wrong = path.split('/').filter((part) => !KEBAB.test(part));
  return wrong.length > 0 ? [`${path}: "${wrong.join('", "')}" is not kebab-case`] : [];
}

const OUTSIDE =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bprocess\.(env|argv|hrtime|exit)\b|\bperformance\.now\b|\bcrypto\.getRandomValues\b|\brandom(Bytes|UUID|Int)\(|\bset(Timeout|Interval|Immediate)\(|(?<![.\w])fetch\(/;

/** A core reads neither clock nor chance nor environment: they are handed in. */
export function checkPurity({ path, text }: ProjectFile): string[] {
  if (!path.endsWith('.ts') || !isCore(path)) return [];
  return bareCode(text)
    .split('\n')
    .flatMap((line, index) => {
      const found = OUTSIDE.exec(line);
      return found ? [`${path}:${index + 1}: a core may not use ${found[0]}; hand it in`] : [];
    });
}

const KEYED = 'contracts/keyed.ts';

/** A record of schemas refuses keys of another form; only `keyed` makes one, so that none forgets to. */
export function checkRecords({ path, text }: ProjectFile): string[] {
  if (!path.endsWith('.ts') || path === KEYED) return [];
  return bareCode(text)
    .split('\n')
    .flatMap((line, index) =>
      /\bType\.Record\s*\(/.test(line) ? [`${path}:${index + 1}: take \`keyed\` of ${KEYED}`] : [],
    );
}

/** Links between documents lead somewhere. */
export function checkLinks(
  { path, text }: ProjectFile,
  exists = (file: string) => existsSync(join(ROOT, file)),
): string[] {
  if (!path.endsWith('.md')) return [];
  const prose = text.replace(/```[\s\S]*?```|`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)].flatMap((match) => {
    const target = (match[1] as string).replace(/#.*$/, '');
    if (target === '' || /^[a-z]+:/.test(target)) return [];
    const file = normalize(join(dirname(path), decodeURI(target)));
    return exists(file) ? [] : [`${path}: the link to ${target} leads nowhere`];
  });
}

const HEADINGS = ['Purpose', 'In', 'Out', 'Invariants', 'Start here'];

/** A room's README is one screen with five headings. */
export function checkReadme({ path, text }: ProjectFile): string[] {
  const missing = HEADINGS.filter((heading) => !new RegExp(`^(#+ |\\*\\*)${heading}\\b`, 'm').test(text));
  const problems = missing.map((heading) => `${path}: lacks "${heading}"`);
  const lines = text.split('\n').length;
  if (lines > README_LINES_MAX) problems.push(`${path}: ${lines} lines, one screen is ${README_LINES_MAX}`);
  return problems;
}

// In pieces, so that this file does not find itself.
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`(^|[\\s'"\`(=:])/${'work'}(/|\\b)`), 'a path of one machine'],
  [new RegExp(`/${'root'}/[a-z.]`), 'a path of one machine'],
  [new RegExp(`/${'home'}/[a-z]+/`), 'a path of one machine'],
  [
    new RegExp(`\\b${'registry'}\\.[a-z-]+\\.[a-z]+\\b|\\b${'verd'}accio\\b|\\b${'artif'}actory\\b`, 'i'),
    'a host of a registry',
  ],
  [new RegExp(`\\bdeb\\.${'debian'}\\.org\\b`), 'a host of a registry'],
  [
    new RegExp(`\\b(${'Anth'}ropic|${'Clau'}de|Chat${'GPT'}|Co${'pilot'}|${'L'}LMs?)\\b`),
    'a word that is not about the project',
  ],
  [
    new RegExp(`\\b(sub)?-?${'agent'}ic\\b|\\bhelper ${'session'}`, 'i'),
    'a word that is not about the project',
  ],
];

/** The project speaks of itself alone. */
export function checkWords({ path, text }: ProjectFile): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      FORBIDDEN.filter(([pattern]) => pattern.test(line)).map(([, what]) => `${path}:${index + 1}: ${what}`),
    );
}

/** The lock file names no host to fetch from, so that every mirror serves. */
export function checkLockFile(text: string): string[] {
  const { packages } = JSON.parse(text) as {
    packages: Record<string, { resolved?: string; link?: boolean }>;
  };
  return Object.entries(packages)
    .filter(([, entry]) => entry.resolved !== undefined && entry.link !== true)
    .map(([name]) => `package-lock.json: ${name} names the place it was fetched from`);
}

/** Codes that a source file gives to people or machines. */
export function codesIn({ path, text }: ProjectFile): string[] {
  if (!/\.(ts|mjs)$/.test(path) || /^(tests|scripts)\//.test(path)) return [];
  const uses = [...text.matchAll(/\bcode:[^\n;]*/g)].flatMap(([line]) =>
    [...line.matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g)].map((match) => match[1] as string),
  );
  return [...new Set(uses)];
}

/** Whether each code has its heading or row in the document, and the document no code that does not exist. */
export function checkDocumented(codes: readonly string[], document: string): string[] {
  const documented = new Set(
    [...document.matchAll(/^\|\s*`([A-Z][A-Z0-9_]+)`/gm)].map((match) => match[1] as string),
  );
  const missing = codes.filter((code) => !documented.has(code)).map((code) => `${code} is not documented`);
  const wanted = new Set(codes);
  const stale = [...documented]
    .filter((code) => !wanted.has(code))
    .map((code) => `${code} is documented but gone`);
  return [...missing, ...stale];
}

/** Variables of the environment that sources name and the page for operators does not. */
export function checkVariables(files: readonly ProjectFile[], document: string): string[] {
  const inText = (text: string): string[] => text.match(/\bKVYTOK_[A-Z0-9]+(_[A-Z0-9]+)*\b/g) ?? [];
  const documented = new Set(inText(document));
  const found = new Map<string, string>();
  for (const { path, text } of files) {
    if (!/\.(ts|mjs)$/.test(path) || /^(tests|scripts|simulators)\//.test(path)) continue;
    for (const name of inText(text)) if (!found.has(name)) found.set(name, path);
  }
  return [...found]
    .filter(([name]) => !documented.has(name))
    .map(([name, path]) => `${name} (${path}) is not in docs/OPERATIONS.md`);
}

/** Whether every catalogue of a folder has the same texts, none empty, with the same places to fill in. */
export function checkCatalogues(
  catalogues: Readonly<Record<string, Readonly<Record<string, string>>>>,
): string[] {
  const [first, ...others] = Object.keys(catalogues);
  if (first === undefined) return ['no catalogue'];
  const reference = catalogues[first] as Readonly<Record<string, string>>;
  const empty = Object.entries(catalogues).flatMap(([language, texts]) =>
    Object.entries(texts)
      .filter(([, text]) => text.trim() === '')
      .map(([key]) => `${language}: "${key}" is empty`),
  );
  const differing = others.flatMap((language) =>
    compare(first, reference, language, catalogues[language] ?? {}),
  );
  return [...empty, ...differing];
}

function compare(
  a: string,
  left: Readonly<Record<string, string>>,
  b: string,
  right: Readonly<Record<string, string>>,
): string[] {
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].flatMap((key) => {
    const [one, other] = [left[key], right[key]];
    if (one === undefined) return [`${a}: "${key}" is missing, ${b} has it`];
    if (other === undefined) return [`${b}: "${key}" is missing, ${a} has it`];
    return placesIn(one) === placesIn(other) ? [] : [`${b}: "${key}" fills in other places than ${a}`];
  });
}

function placesIn(text: string): string {
  return [...new Set(text.match(/\{[a-zA-Z]+\}/g) ?? [])].sort().join();
}

/** Name of a file without folder and ending. */
export function stem(path: string): string {
  return basename(path).replace(/\..*$/, '');
}
