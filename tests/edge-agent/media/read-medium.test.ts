import { describe, expect, it } from 'vitest';
import { realTimers } from '../../../edge-agent/adapters/timers.ts';
import type { Medium, OpenedMedium } from '../../../edge-agent/media/medium.ts';
import { openCard } from '../../../edge-agent/media/read-medium.ts';
import type { CardLogEntry, CardTransport } from '../../../edge-agent/ports.ts';
import { CARD } from '../support/agent-rig.ts';

const SELECT = Uint8Array.of(0x00, 0xa4, 0x04, 0x00);
const ENTRY: CardLogEntry = {
  atMs: 1,
  vehicleTag: '00000001',
  routeTag: '00000000',
  deviceTag: '00000003',
  seq: 7,
  companions: 0,
  clockUnsure: false,
};
const budget = { timers: realTimers, timeMsMax: 5000 };

function countingCard(): CardTransport & { asked: number } {
  const card = {
    asked: 0,
    transmit: async () => {
      card.asked += 1;
      return Buffer.from('9000', 'hex');
    },
  };
  return card;
}

function medium(name: string, opened: OpenedMedium, apdus = 1): Medium {
  return {
    name,
    apdusMax: 4,
    open: async (talk) => {
      for (let i = 0; i < apdus; i++) await talk.send(SELECT);
      return opened;
    },
  };
}

const READ: OpenedMedium = { reading: { ok: true, card: CARD } };

describe('the selection scenario', () => {
  it('takes the first medium that knows the card and asks no other', async () => {
    const card = countingCard();
    const opened = await openCard(
      card,
      [
        medium('a', 'not-mine'),
        medium('b', READ),
        medium('c', { reading: { ok: false, reason: 'CARD_FOREIGN' } }),
      ],
      budget,
    );
    expect(opened.reading).toEqual({ ok: true, card: CARD });
    expect(card.asked).toBe(2);
    expect(await opened.settle(ENTRY)).toBe('no-log');
    opened.end();
  });

  it('a refusal of a medium ends it: the card was this kind', async () => {
    const refusing = medium('a', { reading: { ok: false, reason: 'CARD_LOCKED' } });
    const { reading } = await openCard(countingCard(), [refusing, medium('b', READ)], budget);
    expect(reading).toEqual({ ok: false, reason: 'CARD_LOCKED' });
  });

  it('a card that nobody takes is unknown', async () => {
    const { reading } = await openCard(countingCard(), [medium('a', 'not-mine')], budget);
    expect(reading).toEqual({ ok: false, reason: 'CARD_UNKNOWN' });
  });

  it('gives each medium its own bound of commands', async () => {
    const card = countingCard();
    await openCard(card, [medium('a', 'not-mine', 9), medium('b', READ, 9)], budget);
    expect(card.asked).toBe(8);
  });

  it('all media together have one time', async () => {
    const hanging: CardTransport = { transmit: () => new Promise(() => {}) };
    const both = [medium('a', 'not-mine'), medium('b', 'not-mine')];
    expect((await openCard(hanging, both, { ...budget, timeMsMax: 20 })).reading.ok).toBe(false);
  });

  it('settles in the session that read the card, until the visit ends', async () => {
    const card = countingCard();
    let answers: unknown[] = [];
    const logging: Medium = {
      name: 'log',
      apdusMax: 4,
      open: async (talk) => ({
        ...READ,
        settle: async () => {
          const answer = await talk.send(SELECT);
          answers = [...answers, answer?.status];
          return answer ? 'written' : 'unknown';
        },
      }),
    };
    const opened = await openCard(card, [logging], budget);
    expect(await opened.settle(ENTRY)).toBe('written');
    opened.end();
    expect(await opened.settle(ENTRY)).toBe('unknown');
    expect(answers).toEqual([0x9000, undefined]);
  });

  it('a bug of a medium is told, and its conversation ends', async () => {
    const buggy: Medium = { name: 'x', apdusMax: 1, open: () => Promise.reject(new Error('bug')) };
    await expect(openCard(countingCard(), [buggy], budget)).rejects.toThrow('bug');
  });
});
