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
/** Minutes each: begun last they would run alone, with one core idle. */
const LONGEST = ['faults/kill-matrix', 'faults/restore', 'cli/city.test', 'faults/planted-bugs', 'pages/'];
const NEVER = ['**/node_modules/**', 'reports/**'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = LONGEST.findIndex((part) => moduleId.includes(part));
      return found === -1 ? LONGEST.length : found;
    };
    return others.sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    // Tests that wait for child processes may wait together; two cores carry three.
    maxConcurrency: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
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
          isolate: false,
          include: ['tests/**/*.test.ts'],
          exclude: [...NEVER, ...IN_THEIR_OWN_PROCESS],
        },
      },
    ],
  },
});
