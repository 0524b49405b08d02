/**
 * What goes wrong, and when: rounds of kills and faults drawn from a seed. Pure; whoever has a city carries them out.
 * Every named point of every process comes up in turn, and between them instants that nobody chose.
 */
import type { Random } from '../city/random.ts';
import type { MessageRule } from './mqtt-proxy.ts';
import type { WireWeather } from './tcp-proxy.ts';

/** A process dies by kill -9: at the n-th passing of a named point, or wherever it happens to be. */
export interface Kill {
  readonly process: string;
  /** `<point>:<n>`, or null for the instant at which the round begins. */
  readonly at: string | null;
  /** Processes that must be down until it has died: they could do what leads to the point in its stead. */
  readonly alone?: readonly string[];
}

/** Something else that goes wrong while the kills of the same round happen. */
export type Fault =
  | { readonly kind: 'weather'; readonly wire: string; readonly weather: WireWeather; readonly forMs: number }
  | { readonly kind: 'reset'; readonly wire: string }
  | { readonly kind: 'messages'; readonly wire: string; readonly rules: readonly MessageRule[] }
  | { readonly kind: 'database-kill' }
  /** Every third sync of a process fails with EIO for a while; then it dies. */
  | { readonly kind: 'disk-errors'; readonly process: string; readonly forMs: number };

/** What happens together; afterwards everything heals, and the city has to catch up. */
export interface Round {
  readonly kills: readonly Kill[];
  readonly faults: readonly Fault[];
}

/** What a plan may choose from. */
export interface FaultWorld {
  /** Named points by process; a process without points dies at chosen instants only. */
  readonly points: Readonly<Record<string, readonly string[]>>;
  /** Points that only one of several processes passes, by how their names begin, with the others. */
  readonly alone: readonly {
    readonly process: string;
    readonly points: string;
    readonly others: readonly string[];
  }[];
  readonly wires: readonly string[];
  /** Processes whose disk may fail. */
  readonly disks: readonly string[];
  /** Wires on which messages can be doubled, swapped, lost and replayed, with the topics that matter there. */
  readonly messages: Readonly<Record<string, readonly Pick<MessageRule, 'direction' | 'filter'>[]>>;
}

/** A named point is passed so often, at most, before it kills. */
const PASSES_MAX = 4;
const WEATHER_MS = { least: 200, most: 1500 };

/** Draws rounds until they have at least so many kills. Each process dies at most twice in a round. */
export function planFaults(world: FaultWorld, kills: number, random: Random): Round[] {
  const decks = new Map(Object.entries(world.points).map(([name, points]) => [name, deck(points, random)]));
  const rounds: Round[] = [];
  for (let planned = 0; planned < kills; ) {
    const round = { kills: drawKills(world, decks, random), faults: drawFaults(world, random) };
    planned += round.kills.length + round.faults.filter(({ kind }) => kind === 'database-kill').length;
    rounds.push(round);
  }
  return rounds;
}

/** So many named points kill a process one after another before the city catches up. */
const POINTS_A_ROUND = 2;

/** Every named point of every process once; each round begins with a kill at an instant nobody chose. */
export function planMatrix(world: FaultWorld, random: Random): Round[] {
  const columns = Object.entries(world.points);
  const rounds = Math.ceil(Math.max(...columns.map(([, points]) => points.length)) / POINTS_A_ROUND);
  return Array.from({ length: rounds }, (_, n) => ({
    kills: columns.flatMap(([name, points]): Kill[] => {
      const mine = points.slice(n * POINTS_A_ROUND, (n + 1) * POINTS_A_ROUND);
      if (mine.length === 0 && (points.length > 0 || n > 0)) return [];
      return [{ process: name, at: null }, ...mine.map((point) => armedAt(world, name, point, random))];
    }),
    faults: [],
  }));
}

/** Gives the points in a shuffled order, all of them before any comes again. */
function deck(points: readonly string[], random: Random): () => string | undefined {
  let left: string[] = [];
  return () => {
    if (left.length === 0)
      left = points
        .map((point) => [random.next(), point] as const)
        .sort(byChance)
        .map(nameOf);
    return left.pop();
  };
}

const byChance = (a: readonly [number, string], b: readonly [number, string]): number => a[0] - b[0];
const nameOf = ([, point]: readonly [number, string]): string => point;

function drawKills(
  world: FaultWorld,
  decks: ReadonlyMap<string, () => string | undefined>,
  random: Random,
): Kill[] {
  const kills: Kill[] = [];
  for (const name of Object.keys(world.points)) {
    if (random.chance(0.4)) continue;
    kills.push({ process: name, at: null });
    const point = random.chance(0.75) ? decks.get(name)?.() : undefined;
    if (point !== undefined) kills.push(armedAt(world, name, point, random));
  }
  return kills;
}

function armedAt(world: FaultWorld, process: string, point: string, random: Random): Kill {
  const kill = { process, at: `${point}:${random.between(1, PASSES_MAX)}` };
  const rule = world.alone.find((one) => one.process === process && point.startsWith(one.points));
  return rule === undefined ? kill : { ...kill, alone: rule.others };
}

function drawFaults(world: FaultWorld, random: Random): Fault[] {
  const faults: Fault[] = [];
  if (random.chance(0.15)) faults.push({ kind: 'database-kill' });
  if (random.chance(0.5)) faults.push(drawWeather(world, random));
  if (random.chance(0.2)) faults.push({ kind: 'reset', wire: random.pick(world.wires) });
  if (random.chance(0.5)) faults.push(drawMessages(world, random));
  if (world.disks.length > 0 && random.chance(0.1))
    faults.push({ kind: 'disk-errors', process: random.pick(world.disks), forMs: random.between(300, 1200) });
  return faults;
}

function drawWeather(world: FaultWorld, random: Random): Fault {
  const weather = random.pick<WireWeather>([
    { kind: 'cut' },
    { kind: 'half-open' },
    { kind: 'slow', delayMs: random.between(20, 300) },
    { kind: 'narrow', bytesPerSecond: random.between(2_000, 50_000) },
    { kind: 'slow-reader' },
  ]);
  const forMs = random.between(WEATHER_MS.least, WEATHER_MS.most);
  return { kind: 'weather', wire: random.pick(world.wires), weather, forMs };
}

function drawMessages(world: FaultWorld, random: Random): Fault {
  const [wire, topics] = random.pick(Object.entries(world.messages));
  const rules = topics.map((topic) => ({
    ...topic,
    duplicate: random.next() * 0.3,
    swap: random.next() * 0.3,
    lose: random.next() * 0.2,
    replay: random.next() * 0.3,
  }));
  return { kind: 'messages', wire, rules };
}
