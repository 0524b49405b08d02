/** A SAM's slot lets go of a connection that is of no more use: while it is held, nobody may connect, not even ourselves. */
import { describe, expect, it } from 'vitest';
import { createSamSlots, type Pcsc } from '../../edge-agent/adapters/pcsc-sam.ts';

/** A slot whose SAM answers as told; exclusive, as PC/SC keeps it. */
function slotWhere(answers: (Buffer | Error)[], disconnecting: () => void = () => {}) {
  let held = false;
  const faults: string[] = [];
  const card = {
    atr: null,
    transmit: async () => {
      const answer = answers.shift() as Buffer | Error;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    disconnect: () => {
      held = false;
      disconnecting();
    },
  };
  const connect = async () => {
    if (held) throw new Error('Sharing violation');
    held = true;
    return card;
  };
  const context = { listReaders: () => [{ name: 'reader 00 01', connect }] };
  const slots = createSamSlots({
    pcsc: () => ({ context, smartcard: {} }) as unknown as Pcsc,
    timed: (call) => call(),
    isChipFault: ({ message }) => message === 'Card was reset',
    onFault: ({ message }) => void faults.push(message),
  });
  return { sam: slots.open({ slot: '00 01', atr: undefined }), faults };
}

const OK = Buffer.from('9000', 'hex');
const ASK = new Uint8Array([0]);

describe('a SAM that was lost is connected anew', () => {
  it.each<[string, Buffer | Error]>([
    ['after an empty answer', Buffer.alloc(0)],
    ['after a fault of the chip', new Error('Card was reset')],
  ])('%s', async (_what, lost) => {
    const { sam, faults } = slotWhere([OK, lost, OK]);
    for (const length of [2, 0, 2]) expect(await sam.transmit(ASK)).toHaveLength(length);
    expect(faults).toEqual([]);
  });

  it('also where there is nothing left to disconnect from', async () => {
    const { sam, faults } = slotWhere([Buffer.alloc(0), OK], () => {
      throw new Error('it left');
    });
    expect(await sam.transmit(ASK)).toHaveLength(0);
    expect(await sam.transmit(ASK)).toHaveLength(2);
    expect(faults).toEqual([]);
  });
});
