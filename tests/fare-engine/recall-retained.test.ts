/** What silence of a broker means, from which nothing says that it retains nothing. */
import { afterEach, expect, test, vi } from 'vitest';
import { MqttNotConnected } from '#platform/mqtt-connection.ts';
import { recallRetained } from '../../fare-engine/adapters/recall-retained.ts';

const losses = new Set<() => void>();
const onLost = (callback: () => void): (() => void) => {
  losses.add(callback);
  return () => void losses.delete(callback);
};
afterEach(() => expect(losses.size).toBe(0));

test('what was heard already is known at once; nobody is asked', async () => {
  const answered = vi.fn(async () => {});
  expect(await recallRetained({ answered, onLost }, Promise.resolve())).toBe(true);
  expect(answered).not.toHaveBeenCalled();
});

test('a broker that is silent is asked whether it is awake, and has its time after that', async () => {
  const heard = Promise.withResolvers<void>();
  const answered = vi.fn(async () => {});
  expect(await recallRetained({ answered, onLost }, heard.promise)).toBe(true);
  expect(answered).toHaveBeenCalledOnce();
  // One that stood still says first what it was to say, and answers then.
  const asleep = { answered: async () => heard.resolve(), onLost };
  expect(await recallRetained(asleep, heard.promise)).toBe(true);
});

test('of one that is lost before it answers nobody knows what it retains', async () => {
  const never = new Promise<void>(() => {});
  const failing = (error: Error) => recallRetained({ answered: () => Promise.reject(error), onLost }, never);
  expect(await failing(new MqttNotConnected('lost'))).toBe(false);
  await expect(failing(new Error('a mistake'))).rejects.toThrow('a mistake');
});

test('of one that is lost after it answered, and back before its time is over, nobody knows either', async () => {
  const never = new Promise<void>(() => {});
  const answered = async (): Promise<void> => {
    setImmediate(() => {
      for (const lost of losses) lost();
    });
  };
  expect(await recallRetained({ answered, onLost }, never)).toBe(false);
});
