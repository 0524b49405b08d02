/** Frauds planted into a month: the rules find them, and leave honest people alone. Synthetic, from seeds. */
import { beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../../fare-engine/anomalies/finding.ts';
import { cityPlan } from '../../../simulators/frauds/adapters/city-plan.ts';
import { huntTrial, makeTrial, type Trial } from '../../../simulators/frauds/fraud-trial.ts';
import { accusedInVain, scoreFindings } from '../../../simulators/frauds/score-findings.ts';
import { RULES, TERNOPIL } from '../../fare-engine/anomalies/ternopil-rules.ts';

const plan = cityPlan(TERNOPIL, { seed: 1, riders: 1200, fromDay: '2025-10-01', days: 18 });
let trial: Trial;
let findings: Finding[];
beforeAll(async () => {
  trial = makeTrial(plan, 99);
  findings = await huntTrial(trial, RULES);
});

// So few passengers show little of what only counts can show.
const FOUND_MIN: Readonly<Record<string, number>> = {
  'category-out-of-proportion': 0.6,
  'silent-validator': 0.2,
};

test('nine of ten frauds of each kind are found that a single card shows', () => {
  for (const { ruleId, planted, found } of scoreFindings(trial.planted, findings)) {
    expect(planted, ruleId).toBeGreaterThanOrEqual(3);
    expect(found / planted, ruleId).toBeGreaterThanOrEqual(FOUND_MIN[ruleId] ?? 0.9);
  }
});

test('whatever is found was planted; no hard negative is accused', () => {
  for (const { ruleId, findings: all, right } of scoreFindings(trial.planted, findings))
    expect([ruleId, right]).toEqual([ruleId, all]);
  const negatives = accusedInVain(trial.innocent, trial.planted, findings);
  expect(negatives.map(({ taps }) => taps > 9)).toEqual(Array(6).fill(true));
  expect(negatives.filter(({ accused }) => accused > 0)).toEqual([]);
});

test('an honest month is quiet, and the same seed gives the same month', async () => {
  const honest = makeTrial({ ...plan, seed: 5, riders: 120 }, null);
  expect(await huntTrial(honest, RULES)).toEqual([]);
  const again = makeTrial({ ...plan, seed: 5, riders: 120 }, null);
  expect(again.month.accounts).toEqual(honest.month.accounts);
});

test('the scorer counts what was missed and what was made up', () => {
  const missed = scoreFindings(trial.planted, []);
  expect(missed.every(({ found, findings: none }) => found === 0 && none === 0)).toBe(true);
  const [first] = findings as [Finding];
  const wrong = { ...first, tapIds: ['nobody'] };
  expect(scoreFindings(trial.planted, [wrong]).map(({ right }) => right)).toEqual(Array(7).fill(0));
});
