import { expect, test } from 'vitest';
import { KeysUnavailable } from '../../../edge-agent/keys/key-provider.ts';
import { createSamKeys } from '../../../edge-agent/keys/sam-keys.ts';
import { createSoftwareKeys } from '../../../edge-agent/keys/software-keys.ts';
import type { CardTransport } from '../../../edge-agent/ports.ts';
import { createVirtualSam } from '../../../simulators/cards/sam/virtual-sam.ts';
import { cardOf, ENTRY, masterKeys, present } from '../media/desfire-rig.ts';
import { cardKeySuite, TEST_CARD_KEYS, TEST_TOKEN_KEYS, tokenKeySuite } from './key-suite.ts';

const ENTRIES = new Map([
  ['desfire-read', { entry: 0x10, versions: [4, 5] }],
  ['desfire-log', { entry: 0x11, versions: [4] }],
]);
const virtualSam = (): CardTransport =>
  createVirtualSam(
    new Map([
      [0x10, TEST_CARD_KEYS['desfire-read']],
      [0x11, TEST_CARD_KEYS['desfire-log']],
    ]),
  );

const tokens = createSoftwareKeys({ tokens: new Map(Object.entries(TEST_TOKEN_KEYS)) });
const make = (sam = virtualSam()) => createSamKeys({ sam, entries: ENTRIES, tokens });

tokenKeySuite(make);
cardKeySuite(make);

test('EV1 is not offered, keys are not changed', async () => {
  const keys = make();
  expect([...keys.handshakes]).toEqual(['ev2-first', 'ev2-non-first']);
  const key = await keys.cardKey('desfire-log', 4, null);
  expect(() => key.begin('ev1', 0)).toThrow(TypeError);
});

const gone = new Uint8Array(0);
const statusOf = (status: number) => Uint8Array.of(status >> 8, status & 0xff);

test.each([
  ['that is gone', gone],
  ['that refuses', statusOf(0x6985)],
])('a SAM %s makes keys unavailable', async (_what, answer) => {
  const key = await make({ transmit: async () => answer }).cardKey('desfire-log', 4, null);
  await expect(key.begin('ev2-first', 0).answer(Buffer.alloc(16))).rejects.toThrow(KeysUnavailable);
});

const city = masterKeys(4);
const cityEntries = new Map([
  ['desfire-read', { entry: 1, versions: [4] }],
  ['desfire-log', { entry: 2, versions: [4] }],
]);
/** A reader whose keys are in a SAM; `fault` takes the place of its answer to a command of this number. */
function readerWithSam(fault?: { readonly at: number; readonly answer: Uint8Array }) {
  const sam = createVirtualSam(
    new Map([
      [1, new Map([[4, city.read]])],
      [2, new Map([[4, city.log]])],
    ]),
  );
  const seen = { commands: 0 };
  const transmit = async (apdu: Uint8Array): Promise<Uint8Array> => {
    const at = seen.commands++;
    return at === fault?.at ? fault.answer : sam.transmit(apdu);
  };
  return { seen, keys: createSamKeys({ sam: { transmit }, entries: cityEntries, tokens }) };
}

test('a card is read and its log written through a SAM', async () => {
  const { keys } = readerWithSam();
  const card = cardOf();
  const visit = await present(card, { keys });
  expect(visit.reading).toMatchObject({ ok: true, card: { mediumKind: 'social' } });
  expect(await visit.settle(ENTRY)).toBe('written');
  visit.end();
  const again = await present(card, { keys });
  expect(again.reading).toMatchObject({ ok: true, card: { log: [{ seq: ENTRY.seq }] } });
  again.end();
});

test('whatever fails in a SAM while a card is identified, the card is not called counterfeit', async () => {
  // Two commands of the handshake, then each answer of the card is opened.
  for (const answer of [gone, statusOf(0x6985), statusOf(0x6a82), statusOf(0x6f00), statusOf(0x9000)])
    for (const at of [0, 1, 2, 3]) {
      const { keys } = readerWithSam({ at, answer });
      const { reading, end } = await present(cardOf(), { keys });
      end();
      if (reading.ok) continue; // a fault after the identity was proven
      expect(reading.reason, `${Buffer.from(answer).toString('hex')} at ${at}`).toBe(
        'VALIDATOR_OUT_OF_ORDER',
      );
    }
});

test('a card that has other keys, or answers with another MAC, is the card’s fault', async () => {
  const strange = cardOf({ keys: { ...masterKeys(5), generation: 4 } });
  const first = await present(strange, { keys: readerWithSam().keys });
  first.end();
  expect(first.reading).toEqual({ ok: false, reason: 'CARD_NOT_GENUINE' });
  const judged = await present(cardOf(), {
    keys: readerWithSam({ at: 1, answer: statusOf(0x901e) }).keys,
  });
  judged.end();
  expect(judged.reading).toEqual({ ok: false, reason: 'CARD_NOT_GENUINE' });
});
