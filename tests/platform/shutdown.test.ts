import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import type { Role } from '#platform/role.ts';
import { createLifecycle, onSignals } from '#platform/shutdown.ts';

const lines: string[] = [];
const log = createLogger({ component: 'test', level: 'debug', write: (line) => lines.push(line) });

describe('a lifecycle', () => {
  const role = (name: string, stopped: string[], fail = false): Role => ({
    name,
    stop: async () => {
      stopped.push(name);
      if (fail) throw new Error(`${name} is stuck`);
    },
  });

  test('stops in reverse, each once, however often it is asked', async () => {
    const stopped: string[] = [];
    const lifecycle = createLifecycle(log);
    for (const name of ['database', 'broker', 'ingest']) lifecycle.add(role(name, stopped));
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    expect(stopped).toEqual(['ingest', 'broker', 'database']);
  });

  test('stops the rest when one fails, and tells', async () => {
    const stopped: string[] = [];
    const lifecycle = createLifecycle(log);
    lifecycle.add(role('database', stopped));
    lifecycle.add(role('broker', stopped, true));
    await expect(lifecycle.stop()).rejects.toThrow('broker is stuck');
    expect(stopped).toEqual(['broker', 'database']);
  });

  test('does not wait for ever for one that hangs', async () => {
    const stopped: string[] = [];
    const lifecycle = createLifecycle(log, { stopMsMax: 20 });
    lifecycle.add(role('database', stopped));
    lifecycle.add({ name: 'hanging', stop: () => new Promise(() => {}) });
    await expect(lifecycle.stop()).rejects.toThrow('hanging did not stop within 20 ms');
    expect(stopped).toEqual(['database']);
  });
});

describe('signals', () => {
  function fakeProcess(): {
    emitter: EventEmitter;
    exits: number[];
    target: Parameters<typeof onSignals>[1];
  } {
    const emitter = new EventEmitter();
    const exits: number[] = [];
    const target = Object.assign(emitter, { exit: (code: number) => void exits.push(code) }) as unknown;
    return { emitter, exits, target: target as NonNullable<Parameters<typeof onSignals>[1]> };
  }

  test('the first asks for a stop; its echo through npm is the same wish; a later one ends at once', async () => {
    const { emitter, exits, target } = fakeProcess();
    let nowMs = 0;
    const { received } = onSignals(log, target, () => nowMs);
    emitter.emit('SIGINT', 'SIGINT');
    expect(await received).toBe('SIGINT');
    nowMs = 400;
    emitter.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([]);
    nowMs = 401;
    emitter.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([130]);
  });

  test('a polite kill asked twice stays polite, and handlers can be taken off', async () => {
    const { emitter, exits, target } = fakeProcess();
    let nowMs = 0;
    const { received, forget } = onSignals(log, target, () => nowMs);
    emitter.emit('SIGTERM', 'SIGTERM');
    nowMs = 10_000;
    emitter.emit('SIGTERM', 'SIGTERM');
    expect(await received).toBe('SIGTERM');
    expect(exits).toEqual([]);
    forget();
    expect(emitter.listenerCount('SIGINT')).toBe(0);
  });
});
