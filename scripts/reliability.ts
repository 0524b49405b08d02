/**
 * Writes docs/RELIABILITY.md: what must always hold, which tests prove it, and the figures of measured runs. No figure is
 * written by hand: they come from the reports in docs/measured/, which `kvytok bench NAME --json FILE` writes.
 *   node scripts/reliability.ts
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BenchReport } from '../cli/bench/bench.ts';
import { figureText } from '../cli/bench/report-text.ts';
import { MUTANTS } from '../tests/faults/checks/mutants.ts';

const ROOT = resolve(import.meta.dirname, '..');
const REPORTS = join(ROOT, 'docs/measured');

interface Invariant {
  readonly holds: string;
  /** Test files that prove it. */
  readonly tests: readonly string[];
  /** Why nothing proves it, or what of it is not proven yet. */
  readonly lacks?: string;
}

/** The invariants of the design, in its order. */
export const INVARIANTS: readonly Invariant[] = [
  {
    holds: 'Green light ⇒ the signed record is on disk.',
    tests: [
      'tests/faults/planted-bugs.test.ts',
      'tests/edge-agent/kill.test.ts',
      'tests/edge-agent/sqlite-journal.test.ts',
    ],
  },
  {
    holds:
      'Every green is priced and posted exactly once: through kill -9 of any process, duplicates, reordering, days offline.',
    tests: [
      'tests/faults/kill-matrix.test.ts',
      'tests/faults/copied-journals.test.ts',
      'tests/faults/salvaged-journals.test.ts',
      'tests/faults/disk-faults.test.ts',
      'tests/ingest/many-ingests.test.ts',
      'tests/fare-engine/worker-kill.test.ts',
      'tests/faults/door-kills.test.ts',
    ],
  },
  {
    holds: 'Same key with other bytes ⇒ quarantine, never silence.',
    tests: ['tests/ingest/proven-quarantine.test.ts', 'tests/ingest/copied-journal.test.ts'],
  },
  {
    holds: 'Every transaction sums to zero, per currency.',
    tests: ['tests/fare-engine/pure.test.ts', 'tests/fare-engine/append-only.test.ts'],
  },
  {
    holds: 'Fares do not depend on the order of arrival.',
    tests: ['tests/fare-engine/any-order.property.test.ts', 'tests/fare-engine/any-order.database.test.ts'],
  },
  {
    holds:
      'A denied card is refused within 60 s on every online validator; every validator shows the age of its list.',
    tests: [
      'tests/cli/bench/denials.test.ts',
      'tests/fare-engine/deny-list.test.ts',
      'tests/edge-agent/deny-kill.test.ts',
    ],
  },
  {
    holds: 'The loss from one bad card offline is bounded by configuration.',
    tests: [],
    lacks: 'Not part of this version: bank cards and their risk come later.',
  },
  {
    holds: 'A double touch is one ride.',
    tests: ['tests/edge-agent/decide-tap.test.ts', 'tests/fare-engine/pricing/same-ride.test.ts'],
  },
  {
    holds: 'A torn card write is old or new, never mixed.',
    tests: [],
    lacks: 'Not part of this version: cards are only read.',
  },
  {
    holds: 'Any edit, drop, swap or truncation in the audit log is detected.',
    tests: [
      'tests/fare-engine/audit/verify-log.test.ts',
      'tests/fare-engine/audit/published-vectors.test.ts',
      'tests/fare-engine/audit/sequencer.database.test.ts',
      'tests/cli/audit/audit-log.database.test.ts',
    ],
  },
  {
    holds: 'No clear card number beyond the reader: not on disk, in MQTT, logs, dumps.',
    tests: ['tests/edge-agent/media/kvytok-plain.test.ts', 'tests/platform/logger.test.ts'],
  },
  {
    holds: 'Category and name never enter telemetry; each look at a person’s data is logged with a reason.',
    tests: ['tests/contracts/wire.test.ts'],
    lacks: 'Looks at a person’s data are not logged yet: no page shows any.',
  },
  {
    holds: 'Deny by default: role × route × foreign object.',
    tests: ['tests/broker/topic-access.test.ts', 'tests/ingest/grants.test.ts'],
  },
  {
    holds: 'Everything is bounded: memory, queues, packets, files, batches.',
    tests: [
      'tests/broker/byte-limiter.test.ts',
      'tests/ingest/group-commit.test.ts',
      'tests/edge-agent/upload.test.ts',
    ],
  },
  {
    holds: 'Restore plus journal replay loses nothing.',
    tests: ['tests/faults/restore.test.ts', 'tests/ingest/backup-watermark.test.ts'],
  },
  {
    holds: 'Bad input, at every entrance, gets a clear error; nothing crashes and nothing changes.',
    tests: [
      'tests/ingest/accept-batch.test.ts',
      'tests/broker/suite-embedded.test.ts',
      'tests/portal/app.test.ts',
    ],
  },
];

/** The page's text. @throws when a named test file does not exist. */
export function reliabilityText(reports: readonly BenchReport[]): string {
  return `# Reliability

What must always hold, and how it is known to. This page is written by \`node scripts/reliability.ts\` from the reports in
[measured/](measured/); no figure in it is written by hand. Make a report anew with
\`npx kvytok bench faults --kills 300 --json docs/measured/faults.json\`.

## What holds, and what proves it

| # | what | proof |
|---|---|---|
${INVARIANTS.map((one, index) => `| ${index + 1} | ${one.holds} | ${proofText(one)} |`).join('\n')}

## Planted bugs

Each check is proven by a bug that is planted for it in a child process ([planted-bugs](../tests/faults/planted-bugs.test.ts));
the sources have no switch for it.

| planted bug | found by the check |
|---|---|
${Object.entries(MUTANTS)
  .map(([name, { foundBy }]) => `| ${name} | \`${foundBy}\` |`)
  .join('\n')}

## Figures

${reports.length === 0 ? 'No run has been measured yet.\n' : reports.map(reportSection).join('\n')}`;
}

function proofText({ tests, lacks }: Invariant): string {
  const links = tests.map((path) => {
    if (!existsSync(join(ROOT, path))) throw new Error(`${path} is named as a proof and does not exist`);
    return `[${path.replace(/^tests\/|\.test\.ts$/g, '')}](../${path})`;
  });
  return [links.join(', '), lacks ?? ''].filter((part) => part !== '').join('. ');
}

function reportSection(report: BenchReport): string {
  const setting = Object.entries(report.setting).map(([name, value]) => `${name} ${value}`);
  return `### ${report.bench}

${report.exact ? 'Exact: everything added up.' : '**NOT exact.**'} ${report.startedAt.slice(0, 10)}, ${Math.round(report.seconds)} s, ${report.machine}; ${setting.join(', ')}.
${report.notes.map((note) => `\n- ${note}`).join('')}
| figure | value |
|---|---|
${report.figures.map((figure) => `| ${figure.name} | ${figureText(figure)} |`).join('\n')}
`;
}

/** Benchmarks that speak of what is lost and how soon things hold again; speed is on another page. */
const RELIABILITY_FILES = new Set(['denials.json', 'faults.json']);

/** The reports in docs/measured, by name of the benchmark. */
export function readReports(): BenchReport[] {
  return readdirSync(REPORTS)
    .filter((name) => RELIABILITY_FILES.has(name))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(REPORTS, name), 'utf8')) as BenchReport);
}

if (import.meta.main) writeFileSync(join(ROOT, 'docs/RELIABILITY.md'), reliabilityText(readReports()));
