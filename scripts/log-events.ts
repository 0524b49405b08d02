/**
 * Writes docs/LOG-EVENTS.md: every event that a part may log, from the sources themselves. The first word of a log message
 * is the event's name; it is never renamed, so that alarms and searches can rely on it.
 *   node scripts/log-events.ts
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const NOT_SOURCES = /(^|\/)(node_modules|tests|scripts|reports|islands|\.[^/]*)(\/|$)/;

/** One place where something is logged. `event` is absent where the message begins with no event name. */
export interface LogCall {
  readonly path: string;
  readonly line: number;
  readonly level: string;
  readonly event: string | undefined;
  /** What the message says after the name, where it says more. */
  readonly says: string;
}

// `log.info(…)`, `deps.log.warn(…)`, `this.#log[level](…)`: the name before the dot tells a logger from console or pino.
const CALL =
  /(?:\b|#)(?:log|logger)(?:\.(debug|info|warn|error|fatal)|\[([^\]\n]{1,60})\])\s*\(|(?:\b|#)log\.child\b/g;
const EVENT = /^([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)+):?\s?([\s\S]*)$/;

/** Every log call of a source text. */
export function logCallsIn(path: string, text: string): LogCall[] {
  return [...text.matchAll(CALL)].flatMap((match) => {
    const [whole, level, computed] = match;
    if (level === undefined && computed === undefined) return [];
    const args = argumentsFrom(text, match.index + whole.length);
    const message = lastLiteral(args);
    const found = EVENT.exec(message ?? '');
    const line = text.slice(0, match.index).split('\n').length;
    const says = found?.[2]?.trim().replace(/\$\{[^}]*\}/g, '…') ?? '';
    return [{ path, line, level: level ?? levelsOf(computed ?? ''), event: found?.[1], says }];
  });
}

/** The text up to the parenthesis that closes the call. */
function argumentsFrom(text: string, start: number): string {
  let depth = 1;
  for (let i = start; i < text.length && i < start + 2000; i++) {
    if (text[i] === '(') depth += 1;
    else if (text[i] === ')') depth -= 1;
    if (depth === 0) return text.slice(start, i);
  }
  return text.slice(start, start + 2000);
}

function lastLiteral(args: string): string | undefined {
  const literals = [...args.matchAll(/'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`|"((?:[^"\\\n]|\\.)*)"/g)];
  const events = literals.map((m) => m[1] ?? m[2] ?? m[3] ?? '').filter((text) => EVENT.test(text));
  return events.at(-1);
}

/** Levels named in a computed one: `passing ? 'info' : 'error'`. */
function levelsOf(computed: string): string {
  const named = [...computed.matchAll(/'(debug|info|warn|error|fatal)'/g)].map((m) => m[1]);
  return named.length > 0 ? named.join(' or ') : 'as it deserves';
}

/** All log calls of the project. */
export function allLogCalls(): LogCall[] {
  return readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|mjs)$/.test(path) && !NOT_SOURCES.test(path))
    .sort()
    .flatMap((path) => logCallsIn(path, readFileSync(join(ROOT, path), 'utf8')));
}

/** The page's text. */
export function logEventsText(calls: readonly LogCall[]): string {
  const byEvent = Map.groupBy(
    calls.filter((call) => call.event !== undefined),
    (call) => call.event as string,
  );
  const rows = [...byEvent]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([event, uses]) => {
      const levels = [...new Set(uses.map((use) => use.level))].join(', ');
      const says = uses.find((use) => use.says !== '')?.says ?? '';
      const places = [...new Set(uses.map((use) => `\`${use.path}\``))].join(', ');
      return `| \`${event}\` | ${levels} | ${says.replaceAll('|', '\\|')} | ${places} |`;
    });
  return `# Log events

Logs are JSON lines on standard error (calm lines on a terminal). The first word of \`msg\` is one of the names below; a name
is never renamed and never gets another meaning, so alarms and searches can rely on it. Everything else about an event
stands in fields; no field holds a secret, a card number or a person. This page is written from the sources by
\`node scripts/log-events.ts\`; a test fails when an event is missing here.

| event | level | says | from |
|---|---|---|---|
${rows.join('\n')}
`;
}

if (import.meta.main) writeFileSync(join(ROOT, 'docs/LOG-EVENTS.md'), logEventsText(allLogCalls()));
