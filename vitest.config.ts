/**
 * One test run of the whole project. Two workers: the reference machine has two cores, and many test files start a
 * real PostgreSQL. Timeouts are those of real servers on a busy small machine, not of pure functions.
 */
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that end processes, count what a process holds, or change its environment: each gets a process of its own.
 * All others share two, one after another: loading our sources anew for each file took a sixth of the whole run.
 */
const IN_THEIR_OWN_PROCESS = [
  'tests/{cli,faults,pages,platform}/**/*.test.ts',
  'tests/**/*{canary,footprint,kill,pcsc,memory}*.test.ts',
];
/** The longest of all. Begun last it would run alone, with one core idle; beside another like it both would be slow. */
const FIRST = 'tests/faults/kill-matrix.test.ts';
/** Of a few lines, with many tests that stand elsewhere: by their size they would be the last of all. */
const SMALL_BUT_LONG = /\/tests\/broker\/suite-\w+\.test\.ts$/;
const NEVER = ['**/node_modules/**', 'reports/**'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      if (moduleId.endsWith(FIRST)) return 0;
      if (project.name === 'own') return 1;
      return SMALL_BUT_LONG.test(moduleId) ? 2 : 3;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    // Tests that wait for child processes may wait together; two cores carry three.
    maxConcurrency: 3,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000,
    reporters: ['default'],
    sequence: { sequencer: LongestFirst },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    globalSetup: ['tests/support/shared-postgres.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'own', include: IN_THEIR_OWN_PROCESS, exclude: NEVER },
      },
      {
        extends: true,
        test: {
          name: 'shared',
          // The others have no properties, or name this file themselves: to load what draws cases took each a moment.
          setupFiles: ['tests/support/properties.ts'],
          isolate: false,
          include: ['tests/**/*.test.ts'],
          exclude: [...NEVER, ...IN_THEIR_OWN_PROCESS],
        },
      },
    ],
  },
});
