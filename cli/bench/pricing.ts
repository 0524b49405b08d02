/**
 * `kvytok bench pricing`: how many legs a second the pricing leaf prices on one core, on any feed. Journeys are random ways
 * between stops of the feed; the feed is read and the journeys are made before the clock starts.
 */
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createFarePricer, type FarePricer } from '../../fare-engine/pricing/fares-v2/fare-pricer.ts';
import type { RideLeg } from '../../fare-engine/pricing/fares-v2/join-legs.ts';
import { type Payer, payerOf } from '../../fare-engine/pricing/fares-v2/select-product.ts';
import { quoteLine } from '../../fare-engine/pricing/quote.ts';
import { loadFeed } from '../../fare-engine/tariffs/load-feed.ts';
import { randomOf } from '../../simulators/city/random.ts';
import { UsageError } from '../command.ts';
import type { BenchContext, BenchResult } from './bench.ts';
import { wholeOption } from './whole-option.ts';

export const usage = `kvytok bench pricing [--feed PATH] [--legs N] [--seed N]

  --feed PATH  folder or zip of a GTFS feed with Fares v2 (default: the tariff and stops of Ternopil)
  --legs N     legs of all journeys together (default 400000)
  --seed N     of the journeys (default 1)
`;

const CITY = join(import.meta.dirname, '../../cities/ternopil');
const LEGS_OF_JOURNEY_MAX = 4;
/** A Tuesday morning; journeys begin within the day that follows. */
const START_MS = Date.UTC(2026, 1, 3, 4);
const DAY_MS = 86_400_000;
/** Share of the journeys whose prices are compared with a pricer that has seen none before. */
const COMPARED = 2000;

interface Journey {
  readonly legs: readonly RideLeg[];
  readonly line: string;
}

export async function run(args: string[], context: BenchContext): Promise<BenchResult> {
  const { values } = parseArgs({
    args,
    options: { feed: { type: 'string' }, legs: { type: 'string' }, seed: { type: 'string' } },
  });
  const legs = wholeOption('legs', values.legs, { default: 400_000, min: 100, max: 20_000_000 });
  const seed = wholeOption('seed', values.seed, { default: 1, min: 0, max: 1_000_000 });
  const path = values.feed === undefined ? undefined : resolve(context.io.cwd, values.feed);
  const loaded =
    path === undefined
      ? await loadFeed(join(CITY, 'tariff/2024-08-01'), join(CITY, 'gtfs'))
      : await loadFeed(path);
  if (!loaded.ok) throw new UsageError(`the feed has errors: ${loaded.problems[0]?.message ?? ''}`);
  const pricer = createFarePricer(loaded.feed);
  const payers = (pricer.feed.media.length > 0 ? pricer.feed.media : [{ mediaId: '' }]).map(({ mediaId }) =>
    payerOf(pricer.feed, mediaId, undefined),
  );
  context.progress(`making journeys of ${legs} legs`);
  const journeys = makeJourneys(pricer, legs, seed);
  const { figures, priced } = measure(pricer, journeys, payers, context);
  return {
    setting: {
      feed: path === undefined ? 'Ternopil 2024-08-01' : basename(path),
      legs,
      journeys: journeys.length,
      seed,
      media: payers.length,
      'leg rules': pricer.feed.legRules.length,
      'transfer rules': pricer.feed.transferRules.length,
    },
    figures,
    notes: [
      `${priced} of ${journeys.length} journeys have a price with the first medium.`,
      'Legs for each second of processor time: one core, also on a busy machine.',
    ],
    exact: sameAnew(pricer, journeys, payers),
  };
}

function makeJourneys(pricer: FarePricer, legs: number, seed: number): Journey[] {
  const random = randomOf(seed, 'pricing');
  const routes = [...(pricer.feed.networkOfRoute ?? new Map([['', '']]))];
  const stops = [...(pricer.feed.stops ?? new Map([['', null]])).keys()];
  const journeys: Journey[] = [];
  for (let left = legs; left > 0; ) {
    const count = Math.min(left, random.between(1, LEGS_OF_JOURNEY_MAX + 1));
    left -= count;
    let clockMs = START_MS + random.below(DAY_MS / 1000) * 1000;
    let here = random.pick(stops);
    const ridden = Array.from({ length: count }, () => {
      const [routeId, networkId] = random.pick(routes);
      const [fromStopId, toStopId] = [here, random.pick(stops)];
      const departureMs = clockMs + random.between(60, 1200) * 1000;
      clockMs = departureMs + random.between(120, 2400) * 1000;
      here = toStopId;
      return { routeId, networkId, fromStopId, toStopId, departureMs, arrivalMs: clockMs };
    });
    journeys.push({ legs: ridden, line: lineOf(ridden) });
  }
  return journeys;
}

function lineOf(legs: readonly (RideLeg & { readonly routeId: string })[]): string {
  return JSON.stringify({
    id: 1,
    legs: legs.map(({ routeId, fromStopId, toStopId, departureMs, arrivalMs }) => ({
      routeId,
      fromStopId,
      toStopId,
      departure: new Date(departureMs).toISOString(),
      arrival: new Date(arrivalMs).toISOString(),
    })),
  });
}

function measure(
  pricer: FarePricer,
  journeys: readonly Journey[],
  payers: readonly Payer[],
  context: BenchContext,
) {
  const one = payers.slice(0, 1);
  const legs = journeys.reduce((sum, journey) => sum + journey.legs.length, 0);
  // Time of the processor, not of the clock: "one core" also where others want it too.
  const rate = (work: () => void) => {
    const began = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(began);
    return (legs * 1_000_000) / (user + system);
  };
  let priced = 0;
  context.progress('pricing each journey for one medium, never seen before');
  const first = rate(() => {
    for (const { legs } of journeys) if (pricer.price(legs, one).prices[0]?.ok === true) priced++;
  });
  context.progress('again, for one medium and for all');
  const again = rate(() => {
    for (const { legs } of journeys) pricer.price(legs, one);
  });
  const all = rate(() => {
    for (const { legs } of journeys) pricer.price(legs, payers);
  });
  context.progress('as lines of kvytok quote, explained');
  const quoted = rate(() => {
    for (const { line } of journeys) JSON.stringify(quoteLine(pricer, line));
  });
  const unit = 'legs/s';
  const figures = [
    { name: 'priced for one medium, journeys not seen before', value: first, unit, target: '≥ 200000' },
    { name: 'priced for one medium, again', value: again, unit },
    { name: `priced for ${payers.length} media`, value: all, unit },
    { name: 'quoted: a line of JSON in, one out, explained', value: quoted, unit },
  ];
  return { figures, priced };
}

/** Whether a pricer without anything remembered says the same. */
function sameAnew(pricer: FarePricer, journeys: readonly Journey[], payers: readonly Payer[]): boolean {
  const step = Math.max(1, Math.floor(journeys.length / COMPARED));
  const fresh = createFarePricer(pricer.feed);
  const totals = (by: FarePricer, legs: readonly RideLeg[]) =>
    by.price(legs, payers).prices.map((price) => (price.ok ? price.journey.totalMinor : price.why.reason));
  return journeys
    .filter((_, i) => i % step === 0)
    .every(({ legs }) => totals(pricer, legs).join() === totals(fresh, legs).join());
}
