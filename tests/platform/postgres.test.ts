import { expect, test } from 'vitest';
import { clientConfig } from '#platform/postgres.ts';

const bounds = (statementTimeoutMs?: number) => {
  const config = clientConfig({
    ...{ url: 'postgres://nobody@127.0.0.1:1/none', applicationName: 'test' },
    ...(statementTimeoutMs !== undefined && { statementTimeoutMs }),
  });
  return [config.statement_timeout, config.connectionTimeoutMillis];
};

test('a connection is waited for as long as an answer, for ten seconds at least, and never for ever', () => {
  expect(bounds()).toEqual([30_000, 30_000]);
  expect(bounds(40_000)).toEqual([40_000, 40_000]);
  expect(bounds(5000)).toEqual([5000, 10_000]);
  expect(bounds(0)).toEqual([0, 30_000]);
});
