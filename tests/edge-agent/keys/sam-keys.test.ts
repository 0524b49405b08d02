import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { CardKey, Handshake } from '../../../edge-agent/desfire/card-key.ts';
import { diversifyKey } from '../../../edge-agent/desfire/diversify.ts';
import type { Ev2Channel } from '../../../edge-agent/desfire/ev2-channel.ts';
import { softwareCardKey } from '../../../edge-agent/desfire/software-card-key.ts';
import { KeysUnavailable } from '../../../edge-agent/keys/key-provider.ts';
import { createSamKeys } from '../../../edge-agent/keys/sam-keys.ts';
import { createSoftwareKeys } from '../../../edge-agent/keys/software-keys.ts';
import type { CardTransport } from '../../../edge-agent/ports.ts';
import { cardKeySuite, TEST_CARD_KEYS, TEST_TOKEN_KEYS, tokenKeySuite } from './key-suite.ts';

const ENTRIES = new Map([
  ['desfire-read', { entry: 0x10, versions: [4, 5] }],
  ['desfire-log', { entry: 0x11, versions: [4] }],
]);
const NAMES = new Map([
  [0x10, 'desfire-read'],
  [0x11, 'desfire-log'],
] as const);

const sw = (status: number, data: Uint8Array = Buffer.alloc(0)): Buffer =>
  Buffer.concat([data, Buffer.of(status >> 8, status & 0xff)]);

/** A SAM of S-mode, as far as NXP's reader library shows it. No real one was at hand. */
function fakeSam(): CardTransport {
  let handshake: Handshake | undefined;
  let session: Ev2Channel | undefined;
  const authenticate = async (p1: number, body: Buffer): Promise<Buffer> => {
    if (p1 === 0) {
      const first = body.length === 32;
      session = (await handshake?.finish(body)) as Ev2Channel | undefined;
      handshake = undefined;
      return session ? sw(0x9000, first ? Buffer.alloc(12) : undefined) : sw(0x6a80);
    }
    const name = NAMES.get(body.readUInt8(0) as 0x10);
    const versions: ReadonlyMap<number, Buffer> | undefined = name && TEST_CARD_KEYS[name];
    const bytes = versions?.get(body.readUInt8(1));
    if (!bytes || body[2] !== 0) return sw(0x6a80);
    const input = body.subarray(19);
    const key: CardKey = softwareCardKey((p1 & 1) !== 0 ? diversifyKey(bytes, input) : bytes, randomBytes);
    const first = (p1 & 0xc0) === 0x80;
    handshake = key.begin(first ? 'ev2-first' : 'ev2-non-first', 0, first ? undefined : session);
    return sw(0x90af, await handshake.answer(body.subarray(3, 19)));
  };
  const applied = (mode: number, body: Buffer): Buffer => {
    if (!session) return sw(0x6985);
    if (mode === 0) {
      session.open(Buffer.alloc(0), { mode: 'plain', bytes: 0 });
      return sw(0x9000);
    }
    const full = mode === 0x30;
    const command = full ? body.subarray(1) : body;
    const start = full ? body.readUInt8(0) : command.length;
    const [header, data] = [command.subarray(1, start), command.subarray(start)];
    const sealed = session.protect({
      ins: command.readUInt8(0),
      header,
      data,
      mode: full ? 'full' : 'mac',
      macSent: true,
    });
    return sw(0x9000, sealed.subarray(header.length));
  };
  return {
    transmit: async (apdu) => {
      const [, ins = 0, p1 = 0, p2 = 0, length = 0] = apdu;
      const body = Buffer.from(apdu.subarray(5, 5 + length));
      if (ins === 0x0a) return authenticate(p1, body);
      if (ins === 0xae) return applied(p2, body);
      if (ins !== 0xad || !session) return sw(0x6d00);
      const opened = session.open(body.subarray(1), { mode: p2 === 0x30 ? 'full' : 'mac', bytes: 'any' });
      return opened ? sw(0x9000, opened) : sw(0x6a84);
    },
  };
}

const tokens = createSoftwareKeys({ tokens: new Map(Object.entries(TEST_TOKEN_KEYS)) });
const make = (sam = fakeSam()) => createSamKeys({ sam, entries: ENTRIES, tokens });

tokenKeySuite(make);
cardKeySuite(make);

test('EV1 is not offered, keys are not changed', async () => {
  const keys = make();
  expect([...keys.handshakes]).toEqual(['ev2-first', 'ev2-non-first']);
  const key = await keys.cardKey('desfire-log', 4, null);
  expect(() => key.begin('ev1', 0)).toThrow(TypeError);
});

test.each([
  ['that is gone', new Uint8Array(0)],
  ['that refuses', Uint8Array.of(0x69, 0x85)],
])('a SAM %s makes keys unavailable', async (_what, answer) => {
  const key = await make({ transmit: async () => answer }).cardKey('desfire-log', 4, null);
  await expect(key.begin('ev2-first', 0).answer(Buffer.alloc(16))).rejects.toThrow(KeysUnavailable);
});
