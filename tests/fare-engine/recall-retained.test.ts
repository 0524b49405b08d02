/** What silence of a broker means, from which nothing says that it retains nothing. */
import { expect, test, vi } from 'vitest';
import { MqttNotConnected } from '#platform/mqtt-connection.ts';
import { recallRetained } from '../../fare-engine/adapters/recall-retained.ts';

test('what was heard already is known at once; nobody is asked', async () => {
  const answered = vi.fn(async () => {});
  expect(await recallRetained({ answered }, Promise.resolve())).toBe(true);
  expect(answered).not.toHaveBeenCalled();
});

test('a broker that is silent is asked whether it is awake, and has its time after that', async () => {
  const heard = Promise.withResolvers<void>();
  const answered = vi.fn(async () => {});
  expect(await recallRetained({ answered }, heard.promise)).toBe(true);
  expect(answered).toHaveBeenCalledOnce();
  // One that stood still says first what it was to say, and answers then.
  const asleep = { answered: async () => heard.resolve() };
  expect(await recallRetained(asleep, heard.promise)).toBe(true);
});

test('of one that is lost before it answers nobody knows what it retains', async () => {
  const never = new Promise<void>(() => {});
  const failing = (error: Error) => recallRetained({ answered: () => Promise.reject(error) }, never);
  expect(await failing(new MqttNotConnected('lost'))).toBe(false);
  await expect(failing(new Error('a mistake'))).rejects.toThrow('a mistake');
});
