import { describe, expect, test } from 'vitest';
import type { CardAnswer } from '../../../edge-agent/apdu.ts';
import { ANSWER_BYTES_MAX, exchange } from '../../../edge-agent/desfire/frames.ts';
import { scripted } from './scripted-card.ts';

const NONE = Buffer.alloc(0);

describe('answers in several frames', () => {
  test('are joined', async () => {
    const talk = scripted(['9060000000', '010291AF'], ['90AF000000', '0391AF'], ['90AF000000', '049100']);
    expect(await exchange(talk, 0x60, NONE, 'iso')).toEqual({ ok: true, value: Buffer.from([1, 2, 3, 4]) });
    expect(talk.left).toBe(0);
  });
  test('a status at the end is a failure, and nothing of the frames comes out', async () => {
    const talk = scripted(['9060000000', '010291AF'], ['90AF000000', '91CA']);
    expect(await exchange(talk, 0x60, NONE, 'iso')).toEqual({
      ok: false,
      failure: { kind: 'status', status: 0x91ca },
    });
  });
  test('a card that leaves in between is gone', async () => {
    const talk = scripted(['9060000000', '010291AF'], ['90AF000000', '']);
    expect(await exchange(talk, 0x60, NONE, 'iso')).toEqual({ ok: false, failure: { kind: 'gone' } });
  });
  test.each([
    ['empty', 0],
    ['long', 250],
  ])('frames without end, %s, are given up', async (_what, bytes) => {
    let asked = 0;
    const endless = {
      send: async (): Promise<CardAnswer> => {
        asked += 1;
        return { data: Buffer.alloc(bytes), status: 0x91af };
      },
    };
    expect(await exchange(endless, 0x60, NONE, 'iso')).toEqual({ ok: false, failure: { kind: 'malformed' } });
    expect(asked).toBeLessThanOrEqual(24);
  });
  test.each([
    [0, true],
    [1, false],
  ])('an answer of the longest length and %i bytes more', async (more, ok) => {
    const part = '11'.repeat(ANSWER_BYTES_MAX / 4);
    const talk = scripted(
      ['9060000000', `${part}91AF`],
      ['90AF000000', `${part}91AF`],
      ['90AF000000', `${part}91AF`],
      ['90AF000000', `${part}${'22'.repeat(more)}9100`],
    );
    expect((await exchange(talk, 0x60, NONE, 'iso')).ok).toBe(ok);
  });
});

describe('commands', () => {
  test('of 54 bytes are one native frame, 55 are two', async () => {
    const whole = Buffer.alloc(54, 7);
    const one = scripted([`903D000036${whole.toString('hex')}00`, '9100']);
    expect((await exchange(one, 0x3d, whole, 'native')).ok).toBe(true);
    const two = scripted([`903D000036${whole.toString('hex')}00`, '91AF'], ['90AF0000010900', '9100']);
    expect((await exchange(two, 0x3d, Buffer.concat([whole, Buffer.of(9)]), 'native')).ok).toBe(true);
  });
  test('a card that is content too early did not get the command', async () => {
    const body = Buffer.alloc(60);
    const first = `903D000036${'00'.repeat(54)}00`;
    expect(await exchange(scripted([first, '9100']), 0x3d, body, 'native')).toEqual({
      ok: false,
      failure: { kind: 'malformed' },
    });
    expect(await exchange(scripted([first, '917E']), 0x3d, body, 'native')).toEqual({
      ok: false,
      failure: { kind: 'status', status: 0x917e },
    });
  });
  test('of 255 bytes fit one ISO frame, 256 are a mistake of the caller', async () => {
    const body = Buffer.alloc(255);
    const talk = scripted([`908D0000FF${body.toString('hex')}00`, '9100']);
    expect((await exchange(talk, 0x8d, body, 'iso')).ok).toBe(true);
    await expect(exchange(talk, 0x8d, Buffer.alloc(256), 'iso')).rejects.toThrow(RangeError);
  });
});
