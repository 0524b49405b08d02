/**
 * Writes the measured part of docs/ANOMALIES.md: a month of Ternopil's timetable with planted frauds, searched by the city's
 * rules. Seeds stand beside the figures; the same seeds give the same page.
 *   node scripts/anomalies.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readYaml } from '#platform/city-data.ts';
import { AnomalyRulesFile, type Rules, rulesFor } from '../fare-engine/anomalies/rules-file.ts';
import { cityPlan } from '../simulators/frauds/adapters/city-plan.ts';
import { huntTrial, makeTrial } from '../simulators/frauds/fraud-trial.ts';
import { accusedInVain, scoreFindings } from '../simulators/frauds/score-findings.ts';

const ROOT = resolve(import.meta.dirname, '..');
const PAGE = join(ROOT, 'docs/ANOMALIES.md');
const [BEGIN, END] = ['<!-- written by scripts/anomalies.ts -->\n', '<!-- end -->'];

/** What is simulated: city seed and frauds' seed. */
const TRIALS = [
  { seed: 1540, fraudSeed: 101 },
  { seed: 1541, fraudSeed: 102 },
  { seed: 1542, fraudSeed: 103 },
] as const;
const RIDERS = 8000;

interface Sum {
  planted: number;
  found: number;
  findings: number;
  right: number;
}

/** The page with its measured part made anew. */
export function withMeasured(page: string, measured: string): string {
  const [from, until] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || until < from) throw new Error('docs/ANOMALIES.md has lost the marks of its measured part');
  return `${page.slice(0, from + BEGIN.length)}${measured}${page.slice(until)}`;
}

async function measure(): Promise<string> {
  const city = join(ROOT, 'cities/ternopil');
  const file = readYaml(join(city, 'anomalies.yaml'), AnomalyRulesFile);
  const rules = rulesFor(file, '2025-10-01', '2025-11-01') as Rules;
  const sums = new Map<string, Sum>();
  const innocent = new Map<string, { taps: number; accused: number }>();
  let taps = 0;
  let quiet = 0;
  for (const { seed, fraudSeed } of TRIALS) {
    const plan = cityPlan(city, { seed, riders: RIDERS, fromDay: '2025-10-01', days: 31 });
    quiet += (await huntTrial(makeTrial(plan, null), rules)).length;
    const trial = makeTrial(plan, fraudSeed);
    taps += trial.month.accounts.reduce((sum, account) => sum + account.taps.length, 0);
    const findings = await huntTrial(trial, rules);
    for (const { ruleId, ...score } of scoreFindings(trial.planted, findings)) {
      const sum = sums.get(ruleId) ?? { planted: 0, found: 0, findings: 0, right: 0 };
      for (const field of ['planted', 'found', 'findings', 'right'] as const) sum[field] += score[field];
      sums.set(ruleId, sum);
    }
    for (const { name, ...counts } of accusedInVain(trial.innocent, trial.planted, findings)) {
      const sum = innocent.get(name) ?? { taps: 0, accused: 0 };
      innocent.set(name, { taps: sum.taps + counts.taps, accused: sum.accused + counts.accused });
    }
  }
  return text(sums, innocent, { taps, quiet });
}

const percent = (part: number, whole: number) =>
  whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;

function text(
  sums: ReadonlyMap<string, Sum>,
  innocent: ReadonlyMap<string, { taps: number; accused: number }>,
  { taps, quiet }: { taps: number; quiet: number },
): string {
  const seeds = TRIALS.map(({ seed, fraudSeed }) => `${seed}/${fraudSeed}`).join(', ');
  const rows = [...sums].map(
    ([rule, { planted, found, findings, right }]) =>
      `| \`${rule}\` | ${planted} | ${found} | ${percent(found, planted)} | ${findings} | ${percent(right, findings)} |`,
  );
  const honest = [...innocent].map(([name, { taps: all, accused }]) => `| ${name} | ${all} | ${accused} |`);
  return `**Synthetic**: frauds, frequencies and people are ours, so these figures say that the rules do what they are meant to, not how much
fraud there is, nor how well they would do against people who know them. ${TRIALS.length} months of October 2025 on Ternopil's timetable, ${RIDERS}
riders, ${taps} taps in all; seeds of city/frauds: ${seeds}. The same months without frauds gave ${quiet} findings.

| rule | planted | found | recall | findings | precision |
|---|---|---|---|---|---|
${rows.join('\n')}

A finding counts as right when it points at anything that was planted. Recall of silence is low on purpose: a validator that is
covered for a day on a line with few passengers is not told from chance.

| odd and honest | taps | accused in vain |
|---|---|---|
${honest.join('\n')}
`;
}

if (import.meta.main) writeFileSync(PAGE, withMeasured(readFileSync(PAGE, 'utf8'), await measure()));
