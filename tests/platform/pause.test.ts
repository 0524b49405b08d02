import { expect, it } from 'vitest';
import { pause } from '#platform/pause.ts';

it('ends by itself, ends when it is stopped, and does not begin when it was stopped before', async () => {
  await pause(1, new AbortController().signal);
  const stopping = new AbortController();
  const long = pause(600_000, stopping.signal);
  stopping.abort();
  expect(await long).toBeUndefined();
  expect(await pause(600_000, stopping.signal)).toBeUndefined();
});
