/** Each check of the fault tests finds the bug that is planted for it, and nothing when there is none. */
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startChild } from '../../simulators/faults/child-process.ts';
import { SHARED_POSTGRES_PORT } from '../support/shared-postgres.ts';
import { MUTANT, MUTANTS } from './checks/mutants.ts';

// The hook runs every check, one after the other: each opens a city of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 600_000 });

const LOADER = fileURLToPath(new URL('./checks/load-mutant.ts', import.meta.url));
const NAMES = [...new Set(Object.values(MUTANTS).map((mutant) => mutant.foundBy))];

interface Found {
  readonly check: string;
  readonly problems: string[];
}

async function run(checks: readonly string[], mutant?: string): Promise<Found[]> {
  const found: Found[] = [];
  const child = startChild({
    file: new URL('./checks/check-child.ts', import.meta.url),
    args: checks,
    nodeArgs: mutant === undefined ? [] : ['--import', LOADER],
    env: {
      [SHARED_POSTGRES_PORT]: process.env[SHARED_POSTGRES_PORT] ?? '',
      ...(mutant !== undefined && { [MUTANT]: mutant }),
    },
    onLine: (line) => found.push(JSON.parse(line) as Found),
  });
  expect(await child.ended, child.errors()).toBe(0);
  return found;
}

describe('without a planted bug', () => {
  let sound: Found[];
  beforeAll(async () => {
    sound = await run(NAMES);
  });

  it.each(NAMES)('the check %s finds nothing', (name) => {
    expect(sound.find(({ check }) => check === name)).toEqual({ check: name, problems: [] });
  });
});

// They wait more than they work.
describe.concurrent('a planted bug is found', () => {
  it.each(Object.entries(MUTANTS))('%s', async (name, { foundBy }) => {
    const [found] = await run([foundBy], name);
    expect(found?.problems).not.toEqual([]);
    // By what it counts, not by stumbling over it.
    expect(found?.problems.filter((problem) => problem.startsWith('it failed'))).toEqual([]);
  });
});
