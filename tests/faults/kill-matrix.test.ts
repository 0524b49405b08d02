import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drainFareEngine } from '../../cli/city/drain.ts';
import { reconcileCity } from '../../cli/city/reconcile-city.ts';
import type { TestChild } from '../support/child-process.ts';
import { type CityRig, openCityRig, type RigRole } from '../support/city-rig.ts';
import { until } from '../support/until.ts';

/** Every named point of every process, each passed a few times before it kills. */
const POINTS: readonly (readonly [RigRole, string])[] = [
  ['edge', 'edge.before-append:3'],
  ['edge', 'edge.after-append:5'],
  ['edge', 'edge.after-answer:7'],
  ['edge', 'edge.before-free:2'],
  ['edge', 'edge.after-append:11'],
  ['edge', 'edge.before-free:4'],
  ['ingest', 'ingest.before-commit:2'],
  ['ingest', 'ingest.after-commit:3'],
  ['ingest', 'ingest.after-receipt:4'],
  ['ingest', 'ingest.before-commit:5'],
  ['ingest', 'ingest.after-commit:1'],
  ['fare-engine', 'fare.before-commit:2'],
  ['fare-engine', 'fare.after-commit:2'],
  ['fare-engine', 'fare.before-commit:4'],
  ['fare-engine', 'fare.after-commit:5'],
];
const DATABASE_KILLS = 3;

let rig: CityRig;
const running = new Map<RigRole, TestChild>();
let kills = 0;

async function replace(role: RigRole, killAt?: string): Promise<TestChild> {
  const child = rig.start(role, killAt);
  running.set(role, child);
  await child.ready.catch((error: Error) => {
    // An armed child may die before it says that it is ready; an unarmed one may not.
    if (killAt === undefined) throw error;
  });
  return child;
}

/** Resolves when more taps have been decided than before: the city works again. */
async function untilMoreDecided(): Promise<void> {
  const decided = async () => {
    const { rows } = await rig.auditor.query<{ n: bigint }>(
      'SELECT decided_taps AS n FROM fare.published_counts',
    );
    return rows[0]?.n ?? 0n;
  };
  const before = await decided();
  await until(async () => (await decided()) > before, { withinMs: 30_000, what: 'another decided tap' });
}

beforeAll(async () => {
  rig = await openCityRig({ validators: 4, cards: 300, everyMs: 25 });
  for (const role of ['ingest', 'fare-engine', 'edge'] as const) await replace(role);
  await untilMoreDecided();
});

afterAll(async () => {
  await rig?.close();
});

describe('kill -9 while taps flow', () => {
  it.each(POINTS)('%s dies at %s, and its successor goes on', async (role, point) => {
    // The one that runs is killed wherever it happens to be: a point that nobody chose.
    expect(await running.get(role)?.kill()).toBe('SIGKILL');
    const armed = await replace(role, point);
    expect(await armed.ended).toBe('SIGKILL');
    kills += 2;
    await replace(role);
    await untilMoreDecided();
  });

  it.each(Array.from({ length: DATABASE_KILLS }, (_, n) => n + 1))(
    'the database dies (%i), and everybody finds it again',
    async () => {
      await rig.killDatabase();
      kills += 1;
      await rig.healDatabase();
      await until(() => untilMoreDecided().then(() => true), {
        withinMs: 45_000,
        what: 'work after the restart',
      });
    },
  );

  it('all at once, with the database', async () => {
    await Promise.all([...running.values()].map((child) => child.kill()));
    await rig.killDatabase();
    kills += 4;
    await rig.healDatabase();
    for (const role of ['edge', 'ingest', 'fare-engine'] as const) await replace(role);
    await untilMoreDecided();
  });

  it('and afterwards every record, every green and every kopiyka is there exactly once', async () => {
    expect(await running.get('edge')?.stop()).toBe(0);
    expect(await drainFareEngine(rig.auditor, 30_000)).toEqual({ inbox: 0, queue: 0, commands: 0 });
    const { data, dataFolder, greens } = rig;
    const result = await reconcileCity(rig.auditor, { dataFolder, devices: data.devices, greens });
    expect(result.problems).toEqual([]);
    expect(result.journals.stillInJournals).toBe(0);
    expect(result.journals.quarantined).toBe(0);
    expect(result.books.decided).toBe(result.books.accepted);
    expect(greens.size).toBeGreaterThan(300);
    expect(kills).toBeGreaterThanOrEqual(30);
  });
});
