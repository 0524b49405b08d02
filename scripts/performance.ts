/**
 * Writes docs/PERFORMANCE.md from the reports in docs/measured/, which `kvytok bench NAME --json FILE` writes. No figure is
 * written by hand.
 *   node scripts/performance.ts
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BenchFigure, BenchReport } from '../cli/bench/bench.ts';
import { figureText, meets } from '../cli/bench/report-text.ts';

const ROOT = resolve(import.meta.dirname, '..');

/** Benchmarks on the page, with what a reader should know of each. */
const SECTIONS: readonly { readonly bench: string; readonly about: string }[] = [
  {
    bench: 'tap',
    about:
      'One tap: the real agent with a signed durable journal, a deny list of a million entries and no network. Our part is all host time from the card to the light: between the card’s answers, rules, list, signature, disk. The cards are those of the simulators; through pcscd the time counts from the first command.',
  },
  {
    bench: 'inspection',
    about:
      'An inspector’s answer, end to end: two real validators of a vehicle and an inspector’s device, each with its signed durable journal, on the network of one machine, with no city in reach. From the card at the device to what its screen shows.',
  },
  {
    bench: 'taps',
    about:
      'The whole way of a tap, everything on one machine: devices, broker, ingest, fare engine and PostgreSQL share its cores. Signed taps by MQTT until they are priced, posted and receipted, durable settings on. The plain flow takes the same way into one table, unsigned, unpriced, one row each.',
  },
  {
    bench: 'pricing',
    about:
      'The pricing leaf alone, on one core: random journeys of one to four legs on a feed with Fares v2. What was priced is compared with a pricer that remembers nothing.',
  },
  {
    bench: 'posting',
    about:
      'The fare engine alone: from its inbox to decisions, double entry and audit leaves, against the transactions of pgbench on the same server. Posted alone is the same without parsing and pricing: the transactions of an earlier run written once more, from the claim in the inbox over account locks, taps, decisions, postings, account-days and audit leaves to the commit.',
  },
  {
    bench: 'history',
    about:
      'What the fare engine reads and needs for a tap, and the city’s page for one reading of its sums, when the riders have ridden for one month, for twelve, for twenty-four: the same riders, the same taps a day, one worker. Cost follows taps, not history.',
  },
  {
    bench: 'reprice',
    about:
      'The books of a city-month computed again: taps, decisions and postings read from PostgreSQL, every account-day priced from facts by the engine’s own rules, every line compared to the kopiyka, on all cores. The tariff has quotas, transfers, passes and two nested caps; some taps are late, doubled, or were decided twice. The peer adds up the same rows in SQL, without pricing anything.',
  },
  {
    bench: 'anomalies',
    about:
      'A month searched by all of the auditor’s rules, from the database, beside one SQL query with a window function that finds two vehicles at once and nothing else.',
  },
  {
    bench: 'audit',
    about:
      'The audit log: leaves numbered, hashed and signed by one sequencer, and verified again from an export; and the fare engine’s posting with and without that beside it, each on a database of its own, in turns.',
  },
];

/** The page's text. */
export function performanceText(reports: ReadonlyMap<string, BenchReport>): string {
  const sections = SECTIONS.map(({ bench, about }) => section(bench, about, reports.get(bench)));
  return `# Performance

Measured by \`npx kvytok bench NAME\` on the machine named with each run; this page is written by \`node scripts/performance.ts\`
from the reports in [measured/](measured/). Absolute figures drift with the machine, so the ratios are what counts: both
sides of a ratio come from one run. A figure that is slower than the one before needs a reason in the change that makes
it so. A target that is not reached yet stands here as such.

${sections.join('\n')}`;
}

function section(bench: string, about: string, report: BenchReport | undefined): string {
  if (report === undefined) return `## ${bench}\n\n${about}\n\nNot measured yet.\n`;
  const setting = Object.entries(report.setting).map(([name, value]) => `${name} ${value}`);
  return `## ${bench}

${about}

${report.startedAt.slice(0, 10)}, ${Math.round(report.seconds)} s, ${report.machine}; ${setting.join(', ')}. ${report.exact ? 'The books were exact.' : '**The books were NOT exact: these figures are worth nothing.**'}
${report.notes.map((note) => `\n- ${note}`).join('')}
| figure | value | target |
|---|---|---|
${report.figures.map(row).join('\n')}
`;
}

function row(figure: BenchFigure): string {
  const target =
    figure.target === undefined ? '' : `${figure.target}: ${meets(figure) ? 'reached' : 'not reached'}`;
  return `| ${figure.name} | ${figureText(figure)} | ${target} |`;
}

/** The reports there are, by benchmark. */
export function readPerformanceReports(): Map<string, BenchReport> {
  const files = SECTIONS.map(({ bench }) => join(ROOT, 'docs/measured', `${bench}.json`)).filter(existsSync);
  const reports = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as BenchReport);
  return new Map(reports.map((report) => [report.bench, report]));
}

if (import.meta.main)
  writeFileSync(join(ROOT, 'docs/PERFORMANCE.md'), performanceText(readPerformanceReports()));
