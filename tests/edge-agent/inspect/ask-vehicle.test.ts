/** A question to a vehicle from a device that is held up while it waits. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { firstInspectionKeys, vehicleKeysOf } from '#contracts/vehicle-key.ts';
import { createAskVehicle } from '../../../edge-agent/inspect/ask-vehicle.ts';
import { liveKeys } from '../../../edge-agent/neighbours/network-keys.ts';
import { openMessage, sealMessage } from '../../../edge-agent/neighbours/wire.ts';

const KEYS = liveKeys(vehicleKeysOf(firstInspectionKeys(randomBytes(32)), '101'), null);

/** A question whose timers the test lets ring, as late as it likes. */
function askHeldUp() {
  let nowMs = 0;
  let hear: (datagram: Uint8Array) => void = () => {};
  const ringing: (() => void)[] = [];
  const questions: string[] = [];
  const ask = createAskVehicle({
    deviceId: 'insp-1',
    boot: '0'.repeat(32),
    keys: () => KEYS,
    timers: {
      nowMs: () => nowMs,
      after: (_afterMs, call) => [() => {}, ringing.push(call)][0] as () => void,
    },
    nowMs: () => 0,
    random: randomBytes,
    onDatagram: (take) => {
      hear = take;
    },
    send: (datagram) => {
      const message = openMessage(datagram, [KEYS.sealing])?.message;
      if (message?.kind === 'ask') questions.push(message.question);
    },
  });
  return {
    questions,
    asked: ask({ vehicleId: '101', tokenIds: [], sinceMs: 0 }),
    /** All that is due rings after so long. */
    ring(afterMs: number) {
      nowMs += afterMs;
      for (const call of ringing.splice(0)) call();
      return ringing.length;
    },
    answer() {
      const question = questions.at(-1) ?? '';
      const head = { v: 1, from: 'val-101', boot: '1'.repeat(32), n: 0, sentMs: 0 } as const;
      const said = { rides: [], outOfOrder: [], knowsSinceAgeMs: 86_400_000 };
      hear(sealMessage({ ...head, kind: 'answer', question, ...said }, KEYS.sealing, randomBytes(12)));
    },
  };
}

it('a device that was held up while it waited listens once more: what it did not hear is no silence', async () => {
  const { asked, ring, answer, questions } = askHeldUp();
  expect(ring(5000)).toBe(1);
  expect(new Set(questions).size).toBe(1);
  answer();
  expect(ring(400)).toBe(0);
  expect((await asked).validators).toMatchObject([{ deviceId: 'val-101' }]);
});

it('one that is held up again and again judges all the same', async () => {
  const { asked, ring } = askHeldUp();
  const rings = [1, 2, 3, 4, 5].map(() => ring(5000));
  expect(rings).toEqual([1, 1, 1, 1, 0]);
  expect((await asked).validators).toEqual([]);
});
