/**
 * Logs: JSON lines when piped, one calm line per event on a terminal. The first word of a message is a stable event
 * name (`ingest.batch.accepted`), the fields carry the rest. Logs go to stderr, so that a command's output stays clean.
 */
import pino from 'pino';

export type Logger = pino.Logger;

export interface LoggerOptions {
  /** Which part speaks: `ingest`, `edge` … */
  readonly component: string;
  /** `debug`, `info` (default), `warn`, `error`, `silent`. */
  readonly level?: string;
  /** Lines for people instead of JSON; by default when stderr is a terminal. */
  readonly pretty?: boolean;
  /** Where lines go; stderr by default. For tests. */
  readonly write?: (line: string) => void;
}

// A second net under the rule that nobody logs them: fields of these names never leave the process.
const SECRET_FIELDS = [
  'secret',
  'password',
  'tokenKey',
  'privateKey',
  'privateKeyPem',
  'pan',
  'adminUrl',
  'url',
];
const REDACTED = [...SECRET_FIELDS, ...SECRET_FIELDS.map((field) => `*.${field}`)];

/** Makes a logger. Lines are written before the call returns, so that a killed process has said what it did. */
export function createLogger(options: LoggerOptions): Logger {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  const pretty = options.pretty ?? (options.write === undefined && process.stderr.isTTY === true);
  const stream = pretty ? { write: (line: string) => write(prettyLine(line)) } : { write };
  return pino(
    {
      level: options.level ?? 'info',
      base: { component: options.component },
      redact: { paths: REDACTED, censor: censor },
    },
    stream,
  );
}

/** Credentials inside addresses are cut out; every other secret is replaced as a whole. */
function censor(value: unknown, path: string[]): unknown {
  const field = path[path.length - 1];
  if ((field === 'url' || field === 'adminUrl') && typeof value === 'string')
    return withoutCredentials(value);
  return '[kept secret]';
}

/** An address fit for logs: no user, no password, no query. */
export function withoutCredentials(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.host === '') return '[not an address]';
    return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  } catch {
    return '[not an address]';
  }
}

const HIDDEN = new Set(['level', 'time', 'pid', 'hostname', 'component', 'msg', 'err']);
const LEVEL_SIGNS: Readonly<Record<number, string>> = { 20: ' ', 30: ' ', 40: '!', 50: '✗', 60: '✗' };

function prettyLine(line: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const time = new Date(Number(entry['time'])).toISOString().slice(11, 19);
  const sign = LEVEL_SIGNS[Number(entry['level'])] ?? ' ';
  const fields = Object.entries(entry)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const error = entry['err'] as { stack?: string; message?: string } | undefined;
  const tail = error ? `\n${error.stack ?? error.message ?? ''}` : '';
  return `${time} ${sign} ${String(entry['component']).padEnd(11)} ${[entry['msg'], ...fields].join('  ')}${tail}\n`;
}
