/** Emergency rules: for a time with an end a city suspends transfers, caps or concessions. */
import { type Static, Type } from 'typebox';
import { checkDates, networkIds, unknownAct } from './check-act.ts';
import type { FareFeed } from './fares-v2/fare-feed.ts';
import type { FileProblem } from './file-problem.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml, TariffPackage } from './tariff-package.ts';
import { Id, LocalDate, Names, oneOf, strict, Text } from './tariff-schema.ts';

/** What may be suspended. */
export type Suspendable = 'transfers' | 'caps' | 'concessions';

export const EmergencyRule = strict({
  rule_id: Id,
  names: Names,
  act: Id,
  article: Text,
  valid_from: LocalDate,
  /** First day on which it holds no more: an emergency rule has an end. */
  valid_to: LocalDate,
  suspends: oneOf('transfers', 'caps', 'concessions'),
  network_id: Type.Optional(Id),
  /** Only these caps or concessions. */
  ids: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: 500 })),
});
export type EmergencyRule = Static<typeof EmergencyRule>;

/** emergency.yaml */
export const EmergencyFile = strict({ emergency: Type.Array(EmergencyRule, { maxItems: 100 }) });
export type EmergencyFile = Static<typeof EmergencyFile>;

/** A rule with its dates as instants. */
export interface DatedEmergency extends EmergencyRule {
  readonly validFromMs: number;
  readonly validUntilMs: number;
}

/** The rule that suspends something at an instant in a network, if one does. @param id of the cap or concession */
export function suspensionOf(
  tariff: Pick<TariffPackage, 'emergency'>,
  what: Suspendable,
  atMs: number,
  networkId: string,
  id?: string,
): DatedEmergency | undefined {
  return tariff.emergency.find(
    (rule) =>
      rule.suspends === what &&
      atMs >= rule.validFromMs &&
      atMs < rule.validUntilMs &&
      (rule.network_id === undefined || rule.network_id === networkId) &&
      (rule.ids === undefined || (id !== undefined && rule.ids.includes(id))),
  );
}

/** What `emergency.yaml` must hold beyond its form. */
export function checkEmergency(feed: FareFeed, yaml: PackageYaml): FileProblem[] {
  const file = yaml.emergency;
  const networks = networkIds(feed);
  if (!file) return [];
  const problems: FileProblem[] = [];
  const acts = new Set(yaml.tariff.value.acts.map((act) => act.act_id));
  const known = {
    transfers: new Set<string>(),
    caps: new Set(yaml.caps?.value.caps.map((cap) => cap.cap_id)),
    concessions: new Set(yaml.concessions.value.concessions.map((row) => row.concession_id)),
  };
  const { valid_from, valid_to } = yaml.tariff.value;
  const rows = file.value.emergency;
  rows.forEach((row, i) => {
    const at = (code: FileProblemCode, key: string, message: string, howToMend: string) =>
      problems.push(file.problemAt(code, ['emergency', i, key], message, howToMend));
    problems.push(...checkDates(file, ['emergency', i], row));
    if (row.valid_to <= valid_from || (valid_to !== null && row.valid_from >= valid_to))
      problems.push({
        ...file.problemAt(
          'TARIFF_VALUE_IGNORED',
          ['emergency', i, 'valid_from'],
          `${row.rule_id} holds on no day of the package`,
          'Correct its dates, or remove it.',
        ),
        severity: 'warning',
      });
    if (!acts.has(row.act)) problems.push(unknownAct(file, ['emergency', i, 'act'], row.act));
    if (rows.findIndex((other) => other.rule_id === row.rule_id) !== i)
      at('TARIFF_ID_TWICE', 'rule_id', `${row.rule_id} occurs twice`, 'Give each rule its own id.');
    if (row.network_id !== undefined && !networks.has(row.network_id))
      at(
        'TARIFF_REFERENCE_UNKNOWN',
        'network_id',
        `network ${row.network_id} is not in the feed`,
        'Add it or correct it.',
      );
    if (row.suspends === 'transfers' && row.ids !== undefined)
      at(
        'TARIFF_VALUE_IGNORED',
        'ids',
        'transfers are suspended all together',
        'Leave ids out, or name a network.',
      );
    for (const id of row.ids ?? []) {
      if (row.suspends !== 'transfers' && !known[row.suspends].has(id))
        at(
          'TARIFF_REFERENCE_UNKNOWN',
          'ids',
          `${id} is none of the package's ${row.suspends}`,
          'Add it or correct it.',
        );
    }
  });
  return problems;
}
