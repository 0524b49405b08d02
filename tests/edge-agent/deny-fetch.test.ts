/** Fetching through a network that loses, swaps, replays and forges: whatever comes, the list is the city's at its version. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareVersions, type DenyEntry } from '#contracts/deny-list.ts';
import { createLogger } from '#platform/logger.ts';
import { createDenyFetcher } from '../../edge-agent/deny-fetch.ts';
import { until } from '../support/until.ts';
import { chunksOf, delta, entry, manifestOf, NOW, sealed, token } from './support/deny-city.ts';
import { createTestCity } from './support/edge-city.ts';
import { createManualTimers } from './support/manual-timers.ts';
import { CITY, openList } from './support/open-deny-list.ts';

const MEDIA = 12;
const FOREIGN = createTestCity();

/** What the city had at each version, from the changes that led there. */
function historyOf(changes: readonly (readonly number[])[]): ReadonlySet<number>[] {
  const sets: Set<number>[] = [new Set()];
  for (const media of changes) {
    const next = new Set(sets.at(-1));
    for (const n of media) if (!next.delete(n)) next.add(n);
    sets.push(next);
  }
  return sets;
}

function cityOf(changes: readonly (readonly number[])[], snapshotAt: number) {
  const sets = historyOf(changes);
  const deltas = changes.map((media, at) => {
    const [before, after] = [sets[at], sets[at + 1]] as [Set<number>, Set<number>];
    const changed = [...new Set(media)];
    const add = changed.filter((n) => after.has(n)).map((n) => entry(n));
    return delta(at + 1, add, changed.filter((n) => before.has(n) && !after.has(n)).map(token));
  });
  const held = [...(sets[snapshotAt] as Set<number>)].sort((a, b) => a - b);
  const parts: DenyEntry[][] = held.length === 0 ? [] : [held.map((n) => entry(n))];
  const chunks = chunksOf(1, snapshotAt, parts);
  const manifest = (n: number, more = {}) =>
    manifestOf({ generation: 1, n, snapshotN: Math.min(snapshotAt, n) }, chunks, more);
  return { sets, deltas, chunks, manifest };
}

/** What the network does with one question. */
const FAULTS = ['right', 'right', 'nothing', 'another', 'foreign', 'rubbish'] as const;

it('any order of losses, swaps, replays and forgeries ends at the city’s list and never leads back', {
  timeout: 120_000,
}, async () => {
  const media = fc.array(fc.nat(MEDIA - 1), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(media, { minLength: 1, maxLength: 6 }),
      fc.nat(6),
      fc.array(fc.constantFrom(...FAULTS), { maxLength: 12 }),
      async (changes, at, faults) => {
        const last = changes.length;
        const snapshotAt = Math.min(at, last);
        const { sets, deltas, chunks, manifest } = cityOf(changes, snapshotAt);
        const right = new Map(
          [...deltas, ...chunks].map((body) => sealed(body, CITY)).map((m) => [m.topic, m.bytes]),
        );
        const foreign = new Map(
          [...deltas, ...chunks].map((body) => sealed(body, FOREIGN)).map((m) => [m.topic, m.bytes]),
        );
        const todo = [...faults];
        const list = openList();
        const timers = createManualTimers();
        const answer = (topic: string): Uint8Array | null => {
          const fault = todo.shift() ?? 'right';
          if (fault === 'nothing') return null;
          if (fault === 'rubbish') return Buffer.from('{"v":1');
          if (fault === 'foreign') return foreign.get(topic) ?? null;
          if (fault === 'another') return [...right.values()][topic.length % right.size] ?? null;
          return right.get(topic) ?? null;
        };
        let highest = list.state().version;
        const check = (): void => {
          const { version } = list.state();
          expect(compareVersions(version, highest)).toBeGreaterThanOrEqual(0);
          highest = version;
          const truth = sets[version.n] as ReadonlySet<number>;
          const denied = Array.from({ length: MEDIA }, (_, n) => n).filter(
            (n) => list.find(token(n)) !== null,
          );
          expect(denied).toEqual([...truth].sort((a, b) => a - b));
          if (version.generation > 0) expect(list.state().entries).toBe(truth.size);
        };
        const fetcher = createDenyFetcher({
          denyList: list,
          timers,
          log: createLogger({ component: 'test', level: 'silent' }),
          uplink: {
            connected: true,
            fetchList: async (topic) => {
              check();
              return answer(topic);
            },
          },
        });
        const news = sealed(manifest(last, { issuedAtMs: NOW + 9 }), CITY).bytes;
        fetcher.manifest(news);
        fetcher.manifest(sealed(manifest(last), FOREIGN).bytes);
        fetcher.manifest(sealed(manifest(Math.max(0, last - 1)), CITY).bytes);
        fetcher.manifest(sealed({ ...manifest(99), generation: 2 }, CITY).bytes);
        await until(() => {
          timers.advance(60_000);
          return !list.behind() && list.state().version.n === last;
        });
        check();
        await fetcher.stop();
        list.close();
      },
    ),
    { numRuns: 25 },
  );
});
