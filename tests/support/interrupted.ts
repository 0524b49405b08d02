/** Ctrl-C at the very moment that work begins to listen for it, so that no machine is so fast that it has finished before. */
import { expect } from 'vitest';

/** Does the work under an early Ctrl-C; it must take off what it has put on the process. */
export async function interrupted<T>(work: () => Promise<T>): Promise<T> {
  const before = process.listenerCount('SIGINT');
  const stop = (event: string | symbol, handler: (signal: string) => void): void => {
    if (event === 'SIGINT') handler('SIGINT');
  };
  process.on('newListener', stop);
  try {
    return await work();
  } finally {
    process.off('newListener', stop);
    expect(process.listenerCount('SIGINT')).toBe(before);
  }
}
