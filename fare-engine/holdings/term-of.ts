/** Under which terms a holding was sold. Pure. */
import type { ProductTerm } from '#pricing/tariff-schema.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';

/** Terms with the zone of the package that says them. */
export interface DatedTerm {
  readonly term: ProductTerm;
  readonly zone: string;
}

/** Terms of the package of its sale; `undefined` where that package has none for the product. */
export function termOf(
  tariffs: Pick<TariffTimeline, 'at'>,
  { fareProductId, validFromMs }: { readonly fareProductId: string; readonly validFromMs: number },
): DatedTerm | undefined {
  const tariff = tariffs.at(validFromMs);
  const term = tariff?.heldTerms.get(fareProductId);
  return tariff === undefined || term === undefined ? undefined : { term, zone: tariff.tariff.zone };
}

/** By which terms it runs: those of its sale; where that package has none (it was sold before the first), those in force, as pricing has it. */
export function runningTermOf(
  tariffs: Pick<TariffTimeline, 'at'>,
  held: { readonly fareProductId: string; readonly validFromMs: number },
  atMs: number,
): DatedTerm | undefined {
  return termOf(tariffs, held) ?? termOf(tariffs, { ...held, validFromMs: atMs });
}
