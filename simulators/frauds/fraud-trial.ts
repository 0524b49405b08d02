/** A month with frauds and hard negatives, searched by the rules, and what came of it. */
import type { Finding } from '../../fare-engine/anomalies/finding.ts';
import { hunt } from '../../fare-engine/anomalies/hunt.ts';
import type { Rules } from '../../fare-engine/anomalies/rules-file.ts';
import { addHardNegatives, type Innocent } from './hard-negatives.ts';
import { liveMonth, type Month, type MonthPlan } from './honest-month.ts';
import { sourceOfMonth } from './month-source.ts';
import { type Planted, plantFrauds } from './plant-frauds.ts';

export interface Trial {
  readonly month: Month;
  readonly innocent: Innocent;
  readonly planted: readonly Planted[];
}

/** Makes the month. Frauds have a seed of their own; `null` plants none. */
export function makeTrial(plan: MonthPlan, fraudSeed: number | null): Trial {
  const month = liveMonth(plan);
  const innocent = addHardNegatives(month, plan.seed);
  return { month, innocent, planted: fraudSeed === null ? [] : plantFrauds(month, fraudSeed) };
}

/** What the rules find in it. */
export async function huntTrial({ month }: Trial, rules: Rules): Promise<Finding[]> {
  const stops = month.plan.timetable.stops;
  const found: Finding[] = [];
  for await (const finding of hunt(sourceOfMonth(month), rules, (stopId) => stops.get(stopId)))
    found.push(finding);
  return found;
}
