/**
 * Random answers in the middle of a published conversation: the reader neither throws nor hangs, and takes no other card
 * for this one.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FUZZ_MS_MAX, fuzz } from '../../support/fuzz.ts';
import { AMEX_TRACE } from './support/amex-trace.ts';
import { AMEX_REQUEST, amexKernel, hex, replay } from './support/replay.ts';

const change = fc.oneof(
  fc.record({ kind: fc.constant('byte' as const), at: fc.nat(), value: fc.nat(255) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
  fc.record({
    kind: fc.constant('grow' as const),
    at: fc.nat(),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  }),
  fc.record({
    kind: fc.constant('other' as const),
    bytes: fc.uint8Array({ maxLength: 256 }),
    status: fc.nat(0xffff),
  }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function changed(answer: Buffer, what: Change): Buffer {
  switch (what.kind) {
    case 'byte':
      answer[what.at % answer.length] = what.value;
      return answer;
    case 'cut':
      return Buffer.concat([answer.subarray(0, what.at % answer.length), hex('9000')]);
    case 'grow': {
      const at = what.at % answer.length;
      return Buffer.concat([answer.subarray(0, at), what.bytes, answer.subarray(at)]);
    }
    case 'other':
      return Buffer.concat([what.bytes, Buffer.of(what.status >> 8, what.status & 0xff)]);
  }
}

it(
  'changed conversations are refused, or are the same card',
  async () => {
    const kernel = amexKernel();
    const original = await kernel.read(replay(AMEX_TRACE), AMEX_REQUEST);
    if (original.outcome !== 'genuine') throw new Error('the published card is not genuine');
    const step = fc.nat(AMEX_TRACE.length - 1);
    await fuzz(
      'bank-trace',
      2000,
      fc.asyncProperty(step, change, async (at, what) => {
        const trace = AMEX_TRACE.map(([command, answer], n) =>
          n === at
            ? ([command, changed(hex(answer), what).toString('hex')] as const)
            : ([command, answer] as const),
        );
        const result = await kernel.read(replay(trace), AMEX_REQUEST);
        if (result.outcome !== 'genuine') return;
        const { tokenId, validFromMs, validUntilMs } = result.card;
        expect({ tokenId, validFromMs, validUntilMs }).toEqual({
          tokenId: original.card.tokenId,
          validFromMs: original.card.validFromMs,
          validUntilMs: original.card.validUntilMs,
        });
      }),
    );
  },
  FUZZ_MS_MAX,
);
