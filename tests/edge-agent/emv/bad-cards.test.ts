import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { converse } from '../../../edge-agent/apdu.ts';
import type { KernelCard, KernelResult } from '../../../edge-agent/emv/kernel.ts';
import { badBankCard, type EmvFault } from '../../../simulators/cards/emv/emv-misbehaviour.ts';
import { type BankCardKind, bankCard } from '../../../simulators/cards/emv/profiles.ts';
import type { Misbehaviour } from '../../../simulators/cards/misbehaviour.ts';
import { FUZZ_MS_MAX, fuzz, fuzzesAll } from '../../support/fuzz.ts';
import { impatient, TODAY, testKernel, transact } from './support/terminal.ts';

/** A share of all cases in every run of the suite; every byte where the whole is asked for. */
const byteStep = fuzzesAll ? 1 : 13;

const KINDS: readonly BankCardKind[] = ['visa', 'mastercard', 'amex'];

function cardIn(result: KernelResult): KernelCard {
  if (result.outcome !== 'genuine') throw new Error(JSON.stringify(result));
  return result.card;
}

/** What a validator uses of a card; the rest is sealed, or a wish. */
const used = ({ tokenId, validFromMs, validUntilMs, oda }: KernelCard) => ({
  tokenId,
  validFromMs,
  validUntilMs,
  oda,
});

/** How many answers a card gives in one transaction. */
async function answersOf(kind: BankCardKind): Promise<Buffer[]> {
  const answers: Buffer[] = [];
  const card = bankCard(kind);
  await transact({
    transmit: async (apdu) => {
      const answer = Buffer.from(await card.transmit(apdu));
      answers.push(answer);
      return answer;
    },
  });
  return answers;
}

describe.each(KINDS)('%s', (kind) => {
  it('pulled away after any command is unreadable, and read whole at its next touch', async () => {
    const { length } = await answersOf(kind);
    expect(length).toBeGreaterThan(4);
    for (let apdus = 0; apdus < length; apdus++) {
      const result = await transact(badBankCard(kind, { kind: 'gone-after', apdus }));
      expect(result, `after ${apdus}`).toEqual({ outcome: 'refused', why: 'unreadable' });
    }
    expect(await transact(badBankCard(kind, { kind: 'gone-after', apdus: length }))).toMatchObject({
      outcome: 'genuine',
    });
  });

  it('with one bit of an answer changed is refused, or nothing that is used has changed', async () => {
    const original = used(cardIn(await transact(bankCard(kind))));
    const refusedIn = new Set<number>();
    for (const [answer, { length }] of (await answersOf(kind)).entries()) {
      for (let byte = 0; byte < length - 2; byte += byteStep) {
        const result = await transact(badBankCard(kind, { kind: 'flipped-answer', answer, byte }));
        if (result.outcome === 'genuine') expect(used(result.card), `${answer}/${byte}`).toEqual(original);
        else refusedIn.add(answer);
      }
    }
    expect(refusedIn.size).toBeGreaterThan(3);
  });

  it.each([
    [{ kind: 'wrong-unpredictable-number' }, 'not-genuine'],
    [{ kind: 'lying-length', ins: 0xb2, bytes: 1 }, 'unreadable'],
    [{ kind: 'lying-length', ins: 0xb2, bytes: -1 }, 'unreadable'],
    [{ kind: 'lying-length', ins: 0xa8, bytes: 1 }, 'unreadable'],
    [{ kind: 'long-afl' }, 'unreadable'],
    [{ kind: 'missing-record', record: '1/1' }, 'unreadable'],
    [{ kind: 'duplicate-tag', tag: '5f24', value: '491231' }, 'unreadable'],
    [{ kind: 'huge-record', bytes: 4000 }, 'unreadable'],
    [{ kind: 'deep-templates', depth: 100 }, 'not-genuine'],
    [{ kind: 'garbage', seed: 4 }, 'unreadable'],
    [{ kind: 'endless-more' }, 'unreadable'],
    [{ kind: 'endless-length' }, 'unreadable'],
    [{ kind: 'silent' }, 'unreadable'],
  ] as [EmvFault | Misbehaviour, string][])('with the fault %j is %s', async (fault, why) => {
    const result = await transact(badBankCard(kind, fault), { timers: impatient });
    expect(result).toEqual({ outcome: 'refused', why });
  });

  it('that repeats an earlier transaction is not genuine', async () => {
    const copy = badBankCard(kind, { kind: 'replayed' });
    expect(await transact(copy)).toMatchObject({ outcome: 'genuine' });
    expect(await transact(copy)).toEqual({ outcome: 'refused', why: 'not-genuine' });
  });

  it('leaves nothing of its number in the answers that the reader held', async () => {
    const card = bankCard(kind);
    const held: Buffer[] = [];
    const talk = converse(card, { timers: impatient, timeMsMax: 2000, apdusMax: 64 });
    const listening = {
      send: async (command: Uint8Array) => {
        const answer = await talk.send(command);
        if (answer) held.push(answer.data);
        return answer;
      },
    };
    cardIn(await testKernel().read(listening, TODAY));
    talk.end();
    expect(held.length).toBeGreaterThan(4);
    for (const answer of held) expect(answer.every((byte) => byte === 0)).toBe(true);
  });
});

describe('fuzzed answers', () => {
  it('never make the reader throw, hang or take a card that is not one', {
    timeout: FUZZ_MS_MAX,
  }, async () => {
    const cards = new Map<BankCardKind, string>();
    for (const kind of KINDS) cards.set(kind, cardIn(await transact(bankCard(kind))).tokenId);
    const change = fc.oneof(
      fc.record({ kind: fc.constant('random' as const), bytes: fc.uint8Array({ maxLength: 260 }) }),
      fc.record({ kind: fc.constant('byte' as const), at: fc.nat(259), value: fc.nat(255) }),
      fc.record({ kind: fc.constant('cut' as const), at: fc.nat(259) }),
      fc.record({ kind: fc.constant('grow' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
    );
    await fuzz(
      'bank-cards',
      150,
      fc.asyncProperty(fc.constantFrom(...KINDS), fc.nat(12), change, async (kind, step, what) => {
        const card = bankCard(kind);
        let n = 0;
        const result = await transact({
          transmit: async (apdu) => {
            const answer = Buffer.from(await card.transmit(apdu));
            return n++ === step ? changed(answer, what) : answer;
          },
        });
        if (result.outcome === 'genuine') expect(result.card.tokenId).toBe(cards.get(kind));
      }),
    );
  });
});

type Change =
  | { kind: 'random'; bytes: Uint8Array }
  | { kind: 'byte'; at: number; value: number }
  | { kind: 'cut'; at: number }
  | { kind: 'grow'; bytes: Uint8Array };

function changed(answer: Buffer, what: Change): Uint8Array {
  if (what.kind === 'random') return what.bytes;
  if (what.kind === 'cut') return answer.subarray(0, what.at % (answer.length + 1));
  if (what.kind === 'grow') return Buffer.concat([answer.subarray(0, -2), what.bytes, answer.subarray(-2)]);
  answer[what.at % answer.length] = what.value;
  return answer;
}
