import { describe, expect, it } from 'vitest';
import { createInProcessCardReader } from '../../edge-agent/adapters/in-process-card-reader.ts';
import type { CardTransport } from '../../edge-agent/ports.ts';

const card: CardTransport = { transmit: async () => new Uint8Array(0) };

describe('the reader in the same process', () => {
  it('is absent until it is started and after it was stopped', async () => {
    const reader = createInProcessCardReader([]);
    expect(reader.state()).toEqual({ state: 'absent', recoveries: 0 });
    await expect(reader.present(card)).rejects.toThrow('not started');
    await reader.start(async () => {});
    expect(reader.state().state).toBe('ready');
    await reader.stop();
    await expect(reader.present(card)).rejects.toThrow('not started');
  });

  it('offers one card at a time, in the order in which they were held to it', async () => {
    const reader = createInProcessCardReader([]);
    const events: string[] = [];
    let name = 0;
    await reader.start(async () => {
      const mine = name++;
      events.push(`begin ${mine}`);
      await new Promise((resolve) => setImmediate(resolve));
      events.push(`end ${mine}`);
    });
    await Promise.all([card, card, card].map((one) => reader.present(one)));
    expect(events).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2']);
  });

  it('hands what the agent threw to whoever held the card, and goes on with the next', async () => {
    const reader = createInProcessCardReader([]);
    let touches = 0;
    await reader.start(async () => {
      touches += 1;
      if (touches === 1) throw new Error('broken');
    });
    await expect(reader.present(card)).rejects.toThrow('broken');
    await reader.present(card);
    expect(touches).toBe(2);
  });

  it('stops only when the card in the field was answered', async () => {
    const reader = createInProcessCardReader([]);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const events: string[] = [];
    const offered = new Promise<void>((resolve) => {
      void reader.start(async () => {
        resolve();
        await held;
        events.push('answered');
      });
    });
    const presented = reader.present(card);
    await offered;
    const stopped = reader.stop().then(() => events.push('stopped'));
    release();
    await Promise.all([presented, stopped]);
    expect(events).toEqual(['answered', 'stopped']);
  });
});
