/** What a budget pays a carrier for concession rides: dated rows by source of money, right and carrier (`compensation.yaml`). */
import { type Static, Type } from 'typebox';
import { checkDates, unknownAct } from './check-act.ts';
import { asWarning, type FileProblem } from './file-problem.ts';
import type { FileProblemCode } from './problem-codes.ts';
import type { PackageYaml } from './tariff-package.ts';
import { Id, LocalDate, oneOf, strict, Text } from './tariff-schema.ts';

/** A whole in basis points. */
export const BP = 10_000;

export const CompensationRow = strict({
  compensation_id: Id,
  funding_id: Id,
  /** Of this right alone; absent = of every right with the same payer that has no row of its own. */
  concession_id: Type.Optional(Id),
  /** Of this carrier alone; absent = of every carrier that has no row of its own. */
  agency_id: Type.Optional(Id),
  /** `fare_difference` what the right took off the fare, `rate` so much a ride, `fixed_monthly` so much a month. */
  basis: oneOf('fare_difference', 'rate', 'fixed_monthly'),
  /** The difference is to what the ride costs with this medium, not with the one that was used. */
  reference_media_id: Type.Optional(Id),
  /** A ride, or a month. */
  rate_minor: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
  /** What part of it is paid; 10000 = all. */
  coef_bp: Type.Integer({ minimum: 1, maximum: 100_000 }),
  /** `none` no VAT, `included` it is in the basis and is paid, `excluded` it is in the basis and is taken out, `added` on top. */
  vat: oneOf('none', 'included', 'excluded', 'added'),
  vat_bp: Type.Optional(Type.Integer({ minimum: 1, maximum: BP })),
  round_mode: Type.Optional(oneOf('down', 'half_up', 'up')),
  /** Most that a month's claims may ask for by this row, all carriers together; the rest is unfunded. */
  monthly_limit_minor: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000_000 })),
  valid_from: LocalDate,
  valid_to: Type.Union([LocalDate, Type.Null()]),
  act: Id,
  article: Text,
});
export type CompensationRow = Static<typeof CompensationRow>;

/** compensation.yaml */
export const CompensationFile = strict({ compensation: Type.Array(CompensationRow, { maxItems: 5000 }) });
export type CompensationFile = Static<typeof CompensationFile>;

/** For what money is asked. */
export interface CompensationAsk {
  readonly fundingId: string;
  readonly concessionId: string | null;
  readonly carrierId: string;
  /** Fare day, `YYYY-MM-DD`. */
  readonly day: string;
}

/** The row that holds: of right and carrier before right before carrier before neither. Half-open days. */
export function compensationRowOf(
  rows: readonly CompensationRow[],
  ask: CompensationAsk,
): CompensationRow | undefined {
  let best: CompensationRow | undefined;
  for (const row of rows) {
    if (row.funding_id !== ask.fundingId || !holdsOn(row, ask.day)) continue;
    if (row.concession_id !== undefined && row.concession_id !== ask.concessionId) continue;
    if (row.agency_id !== undefined && row.agency_id !== ask.carrierId) continue;
    if (best === undefined || rank(row) > rank(best)) best = row;
  }
  return best;
}

/** Whether a row holds on a fare day. */
export function holdsOn(
  { valid_from, valid_to }: Pick<CompensationRow, 'valid_from' | 'valid_to'>,
  day: string,
): boolean {
  return valid_from <= day && (valid_to === null || day < valid_to);
}

function rank(row: CompensationRow): number {
  return (row.concession_id === undefined ? 0 : 2) + (row.agency_id === undefined ? 0 : 1);
}

/** What `compensation.yaml` must hold beyond its form. */
export function checkCompensation(media: ReadonlySet<string>, yaml: PackageYaml): FileProblem[] {
  const file = yaml.compensation;
  if (!file) return [];
  const acts = new Set(yaml.tariff.value.acts.map((act) => act.act_id));
  const payers = new Set(yaml.funding.value.funding.map((row) => row.funding_id));
  const rights = new Map(yaml.concessions.value.concessions.map((row) => [row.concession_id, row]));
  const rows = file.value.compensation;
  const problems: FileProblem[] = [];
  rows.forEach((row, i) => {
    const path = ['compensation', i] as const;
    const at = (code: FileProblemCode, key: string, message: string, howToMend: string) =>
      problems.push(file.problemAt(code, [...path, key], message, howToMend));
    problems.push(...checkDates(file, path, row));
    if (!acts.has(row.act)) problems.push(unknownAct(file, [...path, 'act'], row.act));
    if (rows.findIndex((other) => other.compensation_id === row.compensation_id) !== i)
      at(
        'TARIFF_ID_TWICE',
        'compensation_id',
        `${row.compensation_id} occurs twice`,
        'Give each row its own.',
      );
    if (!payers.has(row.funding_id))
      at('TARIFF_REFERENCE_UNKNOWN', 'funding_id', `${row.funding_id} is not in funding.yaml`, NAME_IT);
    const right = row.concession_id === undefined ? undefined : rights.get(row.concession_id);
    if (row.concession_id !== undefined && right?.funding_id !== row.funding_id)
      at(
        'TARIFF_REFERENCE_UNKNOWN',
        'concession_id',
        `${row.concession_id} is no right for which ${row.funding_id} pays`,
        NAME_IT,
      );
    if (row.reference_media_id !== undefined && !media.has(row.reference_media_id))
      at('TARIFF_REFERENCE_UNKNOWN', 'reference_media_id', `no medium ${row.reference_media_id}`, NAME_IT);
    for (const wrong of formProblems(row)) at('TARIFF_COMPENSATION', ...wrong);
    const other = rows.slice(0, i).find((before) => sameTime(before, row) && sameMoney(before, row));
    if (other !== undefined)
      at(
        'TARIFF_COMPENSATION_OVERLAP',
        'valid_from',
        `${other.compensation_id} pays for the same rides at the same time`,
        'Let one end where the other begins.',
      );
  });
  return [...problems, ...unpaid(yaml)];
}

const NAME_IT = 'Name one that the package has.';

function sameMoney(a: CompensationRow, b: CompensationRow): boolean {
  return a.funding_id === b.funding_id && a.concession_id === b.concession_id && a.agency_id === b.agency_id;
}

function sameTime(a: CompensationRow, b: CompensationRow): boolean {
  const ends = (row: CompensationRow) => row.valid_to ?? '9999-99-99';
  return a.valid_from < ends(b) && b.valid_from < ends(a);
}

/** Fields that do not belong together: where, what, and how to mend it. */
function formProblems(row: CompensationRow): [string, string, string][] {
  const found: [string, string, string][] = [];
  const difference = row.basis === 'fare_difference';
  if (difference !== (row.rate_minor === undefined))
    found.push(['basis', 'rate_minor belongs to rate and fixed_monthly', 'Set rate_minor with them only.']);
  if (!difference && row.reference_media_id !== undefined)
    found.push(['reference_media_id', 'it belongs to fare_difference', 'Leave it out.']);
  if ((row.vat === 'none') !== (row.vat_bp === undefined))
    found.push(['vat', 'vat_bp says how much VAT; none has none', 'Set vat_bp unless vat is none.']);
  if (row.basis !== 'fixed_monthly') return found;
  if (row.agency_id === undefined)
    found.push(['basis', 'a fixed sum belongs to one carrier', 'Name agency_id.']);
  const months = row.valid_from.endsWith('-01') && (row.valid_to === null || row.valid_to.endsWith('-01'));
  if (!months)
    found.push([
      'valid_from',
      'a sum a month holds for whole months',
      'Let it begin and end on a first day.',
    ]);
  return found;
}

/**
 * Days on which nobody says what a payer pays: the claims of such rides stay unfunded. Told for the payer, or else for each of its
 * rights that only rows of other rights cover.
 */
function unpaid({ tariff, funding, compensation, concessions }: PackageYaml): FileProblem[] {
  const { valid_from, valid_to } = tariff.value;
  return funding.value.funding.flatMap(({ funding_id }, i) => {
    const own = (compensation?.value.compensation ?? []).filter((row) => row.funding_id === funding_id);
    const at = (day: string | null, whose: string) => {
      if (day === null || (valid_to !== null && day >= valid_to)) return [];
      const message = `from ${day} on compensation.yaml does not say what ${funding_id} pays${whose}`;
      const todo = 'Add a row that goes on from there; without one these rides stay unfunded.';
      return [asWarning(funding.problemAt('TARIFF_COMPENSATION_GAP', ['funding', i], message, todo))];
    };
    const whole = at(firstUnpaidDay(own, valid_from), '');
    if (whole.length > 0) return whole;
    return concessions.value.concessions.flatMap((right) => {
      if (right.funding_id !== funding_id) return [];
      const from = right.valid_from > valid_from ? right.valid_from : valid_from;
      const day = firstUnpaidDay(rowsFor(own, right.concession_id), from);
      return right.valid_to !== null && day !== null && day >= right.valid_to
        ? []
        : at(day, ` for ${right.concession_id}`);
    });
  });
}

/** Rows that may pay for a right. Where one is for every carrier the carriers' own only come before it. */
function rowsFor(rows: readonly CompensationRow[], concessionId: string): readonly CompensationRow[] {
  const own = rows.filter((row) => row.concession_id === undefined || row.concession_id === concessionId);
  const all = own.filter((row) => row.agency_id === undefined);
  return all.length > 0 ? all : own;
}

/** First day from which no row holds; `null` = some row always does. */
function firstUnpaidDay(rows: readonly CompensationRow[], from: string): string | null {
  let day = from;
  for (;;) {
    const next = rows.filter((row) => holdsOn(row, day)).map((row) => row.valid_to);
    if (next.includes(null)) return null;
    const latest = (next as string[]).sort().at(-1);
    if (latest === undefined) return day;
    day = latest;
  }
}
