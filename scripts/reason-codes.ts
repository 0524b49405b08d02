/**
 * Writes docs/REASON-CODES.md: every code that a person may meet, with its meaning, from the sources themselves.
 *   node scripts/reason-codes.ts
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  FLAG_CODES,
  REASON_TEXTS,
  REFUSAL_CODES,
  REJECTION_CODES,
  type ReasonCode,
} from '#contracts/reason-codes.ts';
import { FILE_PROBLEMS } from '#pricing/problem-codes.ts';
import { QUOTE_ERRORS } from '#pricing/quote-request.ts';
import { LOG_FAULTS } from '../fare-engine/audit/verify-log.ts';
import { BANK_REFUSALS } from '../fare-engine/bank/refusals.ts';
import { BUNDLE_FAULTS } from '../fare-engine/claims/misfit.ts';
import { CLAIM_REFUSALS } from '../fare-engine/claims/refusals.ts';
import { HOLDING_REFUSALS } from '../fare-engine/holdings/refusals.ts';
import { IMPORT_PROBLEMS } from '../fare-engine/import/problems.ts';
import { SETTLEMENT_REFUSALS } from '../fare-engine/settlement/refusals.ts';
import { APPROVAL_REFUSALS } from '../fare-engine/tariff-life/verify-approval.ts';
import { ZIP_REFUSALS } from '../fare-engine/tariffs/read-zip.ts';
import { en } from '../portal/catalogues/en.ts';
import { uk } from '../portal/catalogues/uk.ts';
import { ATTENTION_CODES } from '../portal/schemas.ts';

const ROOT = resolve(import.meta.dirname, '..');
const NOT_SOURCES = /(^|\/)(node_modules|tests|scripts|reports|\.[^/]*)(\/|$)/;
const WIDTH_MAX = 260;

interface OperatorCode {
  readonly code: string;
  readonly path: string;
  readonly happened: string;
  readonly todo: string;
}

const document = `# Reason codes

Every code that a person or a program may meet. A code is never renamed and never gets another meaning.
This page is written from the sources by \`node scripts/reason-codes.ts\`; a test fails when a code is missing here.

## Red at the validator

${reasonTable(REFUSAL_CODES)}

## Quarantined at ingest

The bytes are kept, with the reason; nothing is thrown away. Only a proven record under a taken number (\`INGEST_CONFLICT\`)
is priced all the same, once, under a branch of its own.

${reasonTable(REJECTION_CODES)}

## Flags on an accepted tap

A flagged tap is priced like any other.

${reasonTable(FLAG_CODES)}

## What the city page asks a person for

${attentionTable()}

## Lines that \`kvytok quote\` does not price

Each has an answer of its own; the lines after it are priced.

${meaningTable(QUOTE_ERRORS)}

## Archives that are not read

\`kvytok quote\` prices nothing by such a feed.

${meaningTable(ZIP_REFUSALS)}

## What does not fit in an audit log

\`kvytok audit verify\` names the first leaf that does not fit, or the leaves among which it is.

${meaningTable(LOG_FAULTS)}

## Commands about settlements that are refused

They are kept in \`fare.command_refusal\` with their detail; \`kvytok settle\` shows the answer where the city runs.

${meaningTable(SETTLEMENT_REFUSALS)}

## Signatures for tariffs that do not count

\`kvytok tariff activate\` refuses the package, and an engine leaves it out.

${meaningTable(APPROVAL_REFUSALS)}

## Commands about bank cards' money that are refused

They are kept in \`fare.command_refusal\` with their detail.

${meaningTable(BANK_REFUSALS)}

## Passes and carnets that are not taken back

They are kept in \`fare.command_refusal\` with their detail; \`kvytok pass return\` prints it.

${meaningTable(HOLDING_REFUSALS)}

## Commands about compensation claims that are refused

They are kept in \`fare.command_refusal\` with their detail; \`kvytok claims list\` shows the last one.

${meaningTable(CLAIM_REFUSALS)}

## What does not fit in the bundle of a claim

\`kvytok audit claim verify\` names the first thing that does not fit.

${meaningTable(BUNDLE_FAULTS)}

## Problems of tariffs and feeds

\`kvytok tariff check\` names file, line and column, and how to mend each. An error makes the package unusable; a warning
does not.

${meaningTable(FILE_PROBLEMS)}

## What is wrong with files that are brought over

\`kvytok import check\` names each bad row with file, line, column and what to do; with one of them nothing is written.

${meaningTable(IMPORT_PROBLEMS)}

## Errors for operators

Each says what happened, what was kept and what to do. \`…\` stands for what differs from case to case.

${operatorTable()}
`;
writeFileSync(join(ROOT, 'docs/REASON-CODES.md'), document);

function reasonTable(codes: readonly ReasonCode[]): string {
  const rows = codes.map((code) => `| \`${code}\` | ${REASON_TEXTS[code].uk} | ${REASON_TEXTS[code].en} |`);
  return ['| code | українською | in English |', '|---|---|---|', ...rows].join('\n');
}

function meaningTable(meanings: Readonly<Record<string, string>>): string {
  const rows = Object.entries(meanings).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return ['| code | meaning |', '|---|---|', ...rows].join('\n');
}

function attentionTable(): string {
  const rows = ATTENTION_CODES.map(
    (code) =>
      `| \`${code}\` | ${uk[`attention.${code}`]} | ${en[`attention.${code}`]} | ${en[`attention.${code}.do`]} |`,
  );
  return ['| code | українською | in English | what to do |', '|---|---|---|---|', ...rows].join('\n');
}

function operatorTable(): string {
  const found = new Map<string, OperatorCode[]>();
  for (const path of sources()) {
    for (const entry of codesOf(path))
      if (!(ATTENTION_CODES as readonly string[]).includes(entry.code))
        found.set(entry.code, [...(found.get(entry.code) ?? []), entry]);
  }
  const rows = [...found.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, uses]) => operatorRow(code, uses));
  return ['| code | what happened | what to do | from |', '|---|---|---|---|', ...rows].join('\n');
}

function operatorRow(code: string, uses: readonly OperatorCode[]): string {
  const told =
    uses.find((use) => use.path.startsWith('platform/')) ??
    uses.find((use) => use.happened !== '') ??
    uses[0];
  const places = [...new Set(uses.map((use) => `\`${use.path}\``))].join(', ');
  return `| \`${code}\` | ${told?.happened || 'see the source'} | ${told?.todo || 'see the message'} | ${places} |`;
}

function sources(): string[] {
  return readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|mjs)$/.test(path) && !NOT_SOURCES.test(path))
    .sort();
}

/** The `{ code: 'X', happened: …, todo: … }` literals of a file, as far as they are literals. */
function codesOf(path: string): OperatorCode[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return [...text.matchAll(/\bcode:[^\n;]*/g)].flatMap((match) => {
    const rest = text.slice(match.index, match.index + 1500);
    const end = rest.search(/\n\s*\}\);|\n\s*\};/);
    const block = end < 0 ? rest : rest.slice(0, end);
    const codes = [...match[0].matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g)].map(
      (found) => found[1] as string,
    );
    return codes.map((code) => ({
      code,
      path,
      happened: literal(block, 'happened'),
      todo: literal(block, 'todo'),
    }));
  });
}

/** The first text literal of a property, with `…` for what is filled in. */
function literal(block: string, property: string): string {
  const value = block.slice(block.search(new RegExp(`\\b${property}:`)) + property.length + 1);
  const start = value.search(/['"`]/);
  if (!block.includes(`${property}:`) || start < 0) return '';
  const text = textFrom(value, start).replace(/\|/g, '\\|').replace(/\s+/g, ' ').trim();
  return text.length > WIDTH_MAX ? `${text.slice(0, WIDTH_MAX)}…` : text;
}

/** Reads a quoted text from its opening quote on; everything inside `${}` becomes one `…`. */
function textFrom(source: string, start: number): string {
  const quote = source[start];
  let text = '';
  let depth = 0;
  for (let i = start + 1; i < source.length; i++) {
    const c = source[i] as string;
    if (c === '\\') {
      i += 1;
      if (depth === 0) text += source[i];
    } else if (quote === '`' && c === '$' && source[i + 1] === '{') {
      if (depth === 0) text += '…';
      depth += 1;
      i += 1;
    } else if (depth > 0 && c === '{') depth += 1;
    else if (depth > 0 && c === '}') depth -= 1;
    else if (depth === 0 && c === quote) return text;
    else if (depth === 0) text += c;
  }
  return text;
}
