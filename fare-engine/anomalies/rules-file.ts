/**
 * The numbers by which a city's rules look (`cities/<city>/anomalies.yaml`): dated sets, each complete. What a number means
 * stands in docs/ANOMALIES.md and beside it in the file.
 */
import { createHash } from 'node:crypto';
import { type Static, type TProperties, Type } from 'typebox';
import { type RuleId, SEVERITIES } from './finding.ts';

const seconds = Type.Integer({ minimum: 0, maximum: 2_592_000 });
const count = Type.Integer({ minimum: 1, maximum: 1_000_000 });
const severity = Type.Union(SEVERITIES.map((word) => Type.Literal(word))) as unknown as ReturnType<
  typeof Type.Unsafe<(typeof SEVERITIES)[number]>
>;
const rule = <P extends TProperties>(properties: P) =>
  Type.Object({ severity, ...properties }, { additionalProperties: false });
/** Chance of one false finding in a whole run, all tests of the rule together (Bonferroni). */
const falsePerRun = Type.Number({ exclusiveMinimum: 0, maximum: 0.5 });
const share = Type.Number({ exclusiveMinimum: 0, maximum: 1 });

export const RULE_SCHEMAS = {
  'impossible-speed': rule({
    speedKmhMax: Type.Integer({ minimum: 1, maximum: 1000 }),
    distanceMMin: count,
    /** Taken off every distance: a stop's reach, a vehicle that has moved on. */
    slackM: Type.Integer({ minimum: 0, maximum: 100_000 }),
  }),
  'two-vehicles-at-once': rule({ togetherS: seconds, returnWithinS: seconds }),
  'series-on-vehicle': rule({ ridesMin: count, windowS: seconds, ridesOfDayMin: count }),
  'use-after-death': rule({ graceS: seconds }),
  'claim-after-end': rule({ graceS: seconds }),
  'category-out-of-proportion': rule({
    falsePerRun,
    ridesMin: count,
    categoryRidesMin: count,
    ridersMin: count,
    timesMin: Type.Number({ exclusiveMinimum: 1, maximum: 100 }),
    daysLeftOut: Type.Integer({ minimum: 0, maximum: 31 }),
    designEffect: Type.Number({ minimum: 1, maximum: 1000 }),
    routesMin: Type.Integer({ minimum: 3, maximum: 10_000 }),
    robustZMin: Type.Number({ exclusiveMinimum: 0, maximum: 100 }),
  }),
  'silent-validator': rule({
    falsePerRun,
    clusterS: seconds,
    clustersMin: count,
    shareMin: share,
    shareTrusted: share,
    shareOfNeverTapped: share,
    quietSMin: seconds,
    clockUnsureBeyondS: seconds,
  }),
} as const satisfies Record<RuleId, unknown>;

const day = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' });
export const AnomalyRulesFile = Type.Object(
  {
    sets: Type.Array(
      Type.Object(
        { validFrom: day, rules: Type.Object(RULE_SCHEMAS, { additionalProperties: false }) },
        {
          additionalProperties: false,
        },
      ),
      { minItems: 1, maxItems: 200 },
    ),
  },
  { additionalProperties: false },
);
export type AnomalyRulesFile = Static<typeof AnomalyRulesFile>;

/** Parameters of all rules. */
export type RuleNumbers = AnomalyRulesFile['sets'][number]['rules'];
/** Parameters of one rule, with the hash that its findings bear. */
export type RuleOf<K extends RuleId> = RuleNumbers[K] & { readonly paramsSha256: string };
export type Rules = { readonly [K in RuleId]: RuleOf<K> };

/** Why no set holds for a period. */
export type NoRules = 'before-first' | 'several-sets';

/** The set that holds for the whole of a period (fare days, the last one exclusive). */
export function rulesFor(file: AnomalyRulesFile, fromDay: string, untilDay: string): Rules | NoRules {
  const sets = [...file.sets].sort((a, b) => (a.validFrom < b.validFrom ? -1 : 1));
  const set = sets.findLast(({ validFrom }) => validFrom <= fromDay);
  if (set === undefined) return 'before-first';
  if (sets.some(({ validFrom }) => validFrom > fromDay && validFrom < untilDay)) return 'several-sets';
  return hashed(set.rules);
}

/** Each rule with the hash of its own parameters: a change of one leaves the findings of the others comparable. */
export function hashed(rules: RuleNumbers): Rules {
  const entries = Object.entries(rules).map(([ruleId, numbers]) => {
    const text = JSON.stringify(Object.entries(numbers).sort(([a], [b]) => (a < b ? -1 : 1)));
    const paramsSha256 = createHash('sha256').update(`kvytok anomaly rule ${ruleId}\n${text}`).digest('hex');
    return [ruleId, { ...numbers, paramsSha256 }];
  });
  return Object.fromEntries(entries) as Rules;
}
