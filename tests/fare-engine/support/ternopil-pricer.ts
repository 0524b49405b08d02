/** The pricing leaf with Ternopil's own packages, and with a correction of one that is activated later. */
import { readTariffPackage, type TariffPackage } from '#pricing/tariff-package.ts';
import { createTariffTimeline } from '#pricing/tariff-timeline.ts';
import { createPricer } from '../../../fare-engine/main.ts';
import type { Pricer } from '../../../fare-engine/ports.ts';
import { readPackageFiles } from '../../../fare-engine/tariffs/load-tariff.ts';
import { ternopil } from '../../support/tariff.ts';
import { calendar } from './engine-database.ts';
import { CITY_DIR } from './running-engine.ts';

/** Everything always known. */
export async function ternopilPricer(): Promise<Pricer> {
  return createPricer(await ternopil(), calendar);
}

/** `before` knows the packages as they are, `after` also a dearer package of 2024, activated at an instant. */
export async function correctedTernopil(): Promise<
  (knownFromMs: number) => { before: Pricer; after: Pricer }
> {
  const { packages } = await ternopil();
  const corrected = await correction();
  return (knownFromMs) => {
    const activations = new Map([
      ...packages.map((p) => [p.hash, 0] as const),
      [corrected.hash, knownFromMs] as const,
    ]);
    const pricer = (some: readonly TariffPackage[]): Pricer =>
      createPricer(createTariffTimeline(some, activations).timeline, calendar);
    return { before: pricer(packages), after: pricer([...packages, corrected]) };
  };
}

async function correction(): Promise<TariffPackage> {
  const read = await readPackageFiles(`${CITY_DIR}/tariff/2024-08-01`);
  if (!('files' in read)) throw new Error(read.problem.message);
  const edit = (name: string, from: string, to: string): void => {
    const text = Buffer.from(read.files.get(name) as Uint8Array).toString('utf8');
    read.files.set(name, Buffer.from(text.replaceAll(from, to)));
  };
  edit('tariff.yaml', 'version_id: ternopil-2024-08-01', 'version_id: ternopil-2024-08-01-b');
  edit('fare_products.txt', ',12.00,', ',13.00,');
  const parsed = readTariffPackage(read.files);
  if (!parsed.ok) throw new Error(parsed.problems[0]?.message);
  return parsed.package;
}
