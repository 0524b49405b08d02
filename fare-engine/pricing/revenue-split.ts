/** Rules by which money that belongs to several carriers is divided: that of passes, and what caps took off. */
import { type Static, Type } from 'typebox';
import { unknownAct } from './check-act.ts';
import type { FileProblem } from './file-problem.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';
import { Id, oneOf, strict, Text } from './tariff-schema.ts';

/** Parts in a whole: basis points. */
export const WHOLE_BP = 10_000;

export const SplitRule = strict({
  /** A pass or carnet of product-terms.yaml … */
  fare_product_id: Type.Optional(Id),
  /** … or a cap of caps.yaml. */
  cap_id: Type.Optional(Id),
  /**
   * `boardings` by rides, `first` each pass once a period, for the carrier of its first ride, `weight` in fixed parts, `own`
   * (caps) each carrier bears what was taken off its own rides.
   */
  method: oneOf('boardings', 'first', 'weight', 'own'),
  /** Parts of the whole (`weight`), or what a boarding of the carrier counts for (10000 = one). */
  weights: Type.Optional(
    Type.Array(strict({ agency_id: Id, weight_bp: Type.Integer({ minimum: 0, maximum: 1_000_000 }) }), {
      minItems: 1,
      maxItems: 500,
    }),
  ),
  act: Id,
  article: Text,
});
export type SplitRule = Static<typeof SplitRule>;

/** revenue-split.yaml */
export const SplitFile = strict({ revenue_split: Type.Array(SplitRule, { maxItems: 1000 }) });
export type SplitFile = Static<typeof SplitFile>;

/** What `revenue-split.yaml` must hold beyond its form. */
export function checkSplit(yaml: PackageYaml): FileProblem[] {
  const file = yaml.split;
  if (!file) return [];
  const problems: FileProblem[] = [];
  const acts = new Set(yaml.tariff.value.acts.map((act) => act.act_id));
  const held = (yaml.productTerms?.value.products ?? []).filter(
    ({ kind }) => kind === 'pass' || kind === 'carnet',
  );
  const products = new Set(held.map((term) => term.fare_product_id));
  const caps = new Set(yaml.caps?.value.caps.map((cap) => cap.cap_id));
  const rows = file.value.revenue_split;
  rows.forEach((row, i) => {
    const at = (code: FileProblemCode, key: string, message: string, howToMend: string) =>
      problems.push(file.problemAt(code, ['revenue_split', i, key], message, howToMend));
    const { fare_product_id: product, cap_id: cap } = row;
    if (!acts.has(row.act)) problems.push(unknownAct(file, ['revenue_split', i, 'act'], row.act));
    if (product !== undefined && !products.has(product))
      at('TARIFF_REFERENCE_UNKNOWN', 'fare_product_id', `${product} is no pass or carnet`, NAME_IT);
    if (cap !== undefined && !caps.has(cap))
      at('TARIFF_REFERENCE_UNKNOWN', 'cap_id', `${cap} is no cap of the package`, NAME_IT);
    const same = (other: SplitRule) => other.fare_product_id === product && other.cap_id === cap;
    if (rows.findIndex(same) !== i)
      at('TARIFF_ID_TWICE', 'method', 'a second row for the same money', 'Remove one of the two.');
    const wrong = formProblem(row);
    if (wrong !== null) at('TARIFF_SPLIT', ...wrong);
  });
  return problems;
}

const NAME_IT = 'Name one that the package has.';

/** Fields that do not belong together: where, what, and how to mend it. */
function formProblem(row: SplitRule): [string, string, string] | null {
  const { fare_product_id: product, cap_id: cap, method, weights } = row;
  if ((product === undefined) === (cap === undefined))
    return ['method', 'a row divides the money of one pass or of one cap', 'Name fare_product_id or cap_id.'];
  if (method === 'own' && cap === undefined)
    return [
      'method',
      'own is for caps: a pass is paid once for all carriers',
      'Take boardings, first or weight.',
    ];
  if (method === 'first' && product === undefined)
    return ['method', 'first is for passes: a cap has no first ride', 'Take boardings, weight or own.'];
  const ids = weights?.map((weight) => weight.agency_id) ?? [];
  if (new Set(ids).size !== ids.length)
    return ['weights', 'a carrier has two weights', 'Give each carrier one.'];
  if (method === 'own' && weights !== undefined)
    return ['weights', 'own needs no weights', 'Leave them out.'];
  if (method !== 'weight') return null;
  const sum = (weights ?? []).reduce((total, weight) => total + weight.weight_bp, 0);
  if (sum === WHOLE_BP) return null;
  return ['method', `the parts add up to ${sum} basis points`, `Let weight_bp add up to ${WHOLE_BP}.`];
}
