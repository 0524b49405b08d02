/**
 * One test run of the whole project. Two workers: the reference machine has two cores, and many test files start a
 * real PostgreSQL. Timeouts are those of real servers on a busy small machine, not of pure functions.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'reports/**'],
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    // Tests that wait for child processes may wait together; two cores carry three.
    maxConcurrency: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    reporters: ['default'],
    globalSetup: ['tests/support/shared-postgres.ts'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
});
