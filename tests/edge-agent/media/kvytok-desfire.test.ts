import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createSoftwareKeys } from '../../../edge-agent/keys/software-keys.ts';
import type { CardFacts, CardLogEntry, CardReading } from '../../../edge-agent/ports.ts';
import { createDesfireCard } from '../../../simulators/cards/desfire/desfire-card.ts';
import { badDesfire, type DesfireFault } from '../../../simulators/cards/desfire/desfire-misbehaviour.ts';
import { issueDesfire, tagOf } from '../../../simulators/cards/desfire/issue-desfire.ts';
import {
  cardOf,
  ENTRY,
  issuer,
  lists,
  MEDIUM_ID,
  masterKeys,
  order,
  type Policy,
  present,
  pulledAfter,
  readerKeys,
} from './desfire-rig.ts';

const EV1: Policy = { media: [{ kind: 'kvytok-desfire', ev1: true }] };
const TOKEN = `k1.${createHmac('sha256', Buffer.alloc(32, 7)).update(MEDIUM_ID).digest('hex').slice(0, 32)}`;

const LOG = [0, 1, 2, 3].map((n) => ({
  atS: 1_740_000_000 + n,
  vehicleId: 'bus-1',
  routeId: n === 3 ? null : 'r-9',
  deviceId: 'val-1',
  seq: 10 + n,
}));

function entryOf(n: number): CardLogEntry {
  const { atS, vehicleId, routeId, deviceId, seq } = LOG[n] as (typeof LOG)[number];
  const tag = (id: string | null) => tagOf(id).toString('hex');
  return {
    ...{
      atMs: atS * 1000,
      vehicleTag: tag(vehicleId),
      routeTag: tag(routeId),
      deviceTag: tag(deviceId),
      seq,
    },
    ...{ companions: 0, clockUnsure: false },
  };
}

async function reasonOf(card: Parameters<typeof present>[0], policy: Policy = {}) {
  const { reading, end } = await present(card, policy);
  end();
  return reading.ok ? reading : reading.reason;
}

async function logOf(card: Parameters<typeof present>[0], policy: Policy = {}) {
  const { reading, end } = await present(card, policy);
  end();
  return factsOf(reading).log;
}

function factsOf(reading: CardReading): CardFacts {
  if (!reading.ok || !('card' in reading)) throw new Error('the card was not read');
  return reading.card;
}

describe('reading', () => {
  test.each(['EV1', 'EV2', 'EV3'] as const)('a whole card on %s', async (model) => {
    for (const randomUid of [false, true]) {
      const card = cardOf({
        model,
        randomUid,
        log: LOG,
        product: { id: Buffer.from('0102030405060708', 'hex'), validUntilS: 1_800_000_000 },
        hint: {
          asOfS: 1_740_000_000,
          balanceMinor: -250,
          quotaLeft: 7,
          listKeyId: lists.keyId,
          listKey: lists.privateKey,
        },
      });
      expect((await present(card, EV1)).reading).toEqual({
        ok: true,
        card: {
          tokenId: TOKEN,
          mediumKind: 'social',
          validFromMs: 1_700_000_000_000,
          validUntilMs: 1_900_000_000_000,
          language: 'pl',
          product: { productId: '0102030405060708', validUntilMs: 1_800_000_000_000 },
          log: [entryOf(3), entryOf(2), entryOf(1)],
          hint: { asOfMs: 1_740_000_000_000, balanceMinor: '-250', quotaLeft: 7 },
        },
      });
    }
  });
  test('a new card has an empty log and no hint', async () => {
    const { reading } = await present(cardOf({ kind: 'wallet', language: 'uk' }));
    expect(reading).toMatchObject({ ok: true, card: { mediumKind: 'wallet', language: 'uk', log: [] } });
    expect(reading).not.toHaveProperty('card.hint');
    expect(reading).not.toHaveProperty('card.product');
  });
  test.each(['driver', 'inspector', 'technician'] as const)('a card of a %s', async (kind) => {
    const { reading, settle } = await present(cardOf({ kind }));
    const common = { validFromMs: 1_700_000_000_000, validUntilMs: 1_900_000_000_000, language: 'pl' };
    expect(reading).toEqual({ ok: true, service: { role: kind, staffTokenId: TOKEN, ...common } });
    expect(await settle(ENTRY)).toBe('no-log');
  });
  test('without card keys the validator is out of order: the card is not at fault', async () => {
    const keys = createSoftwareKeys({ tokens: new Map([['token', new Map([[1, Buffer.alloc(32, 7)]])]]) });
    expect(await reasonOf(cardOf(), { keys })).toBe('VALIDATOR_OUT_OF_ORDER');
  });
  test('while the token key rotates a card of staff has two tokens', async () => {
    const tokens = new Map([1, 2].map((version) => [version, Buffer.alloc(32, 6 + version)]));
    const keys = readerKeys([3, 4], tokens);
    const { reading } = await present(cardOf({ kind: 'driver' }), { keys });
    expect(reading).toMatchObject({
      service: { staffTokenId: expect.stringMatching(/^k2\./), formerStaffTokenId: TOKEN },
    });
  });
  test('two generations of keys are read, a third is not', async () => {
    for (const generation of [3, 4])
      expect(await reasonOf(cardOf({ keys: masterKeys(generation) }))).toMatchObject({ ok: true });
    for (const generation of [2, 5])
      expect(await reasonOf(cardOf({ keys: masterKeys(generation) }))).toBe('CARD_UNKNOWN');
  });
  test('EV1 is refused by the policy, after its version and before any key', async () => {
    const card = pulledAfter(cardOf({ model: 'EV1' }), 100);
    expect(await reasonOf(card)).toBe('MEDIUM_NOT_TAKEN');
    expect(card.sent).toBe(4);
  });
  test('cards that are not this city’s, or not this chip’s', async () => {
    const stranger = { keyId: 'x001', privateKey: issuer.privateKey };
    const forger = { keyId: issuer.keyId, privateKey: lists.privateKey };
    const otherKeys = { ...masterKeys(99), generation: 4 };
    const cases = [
      [{ issuer: stranger }, 'CARD_UNKNOWN'],
      [{ issuer: forger }, 'CARD_NOT_GENUINE'],
      [{ layoutVersion: 3 }, 'CARD_UNKNOWN'],
      [{ writtenUid: Buffer.from('04112233445567', 'hex') }, 'CARD_NOT_GENUINE'],
      [{ keys: otherKeys }, 'CARD_NOT_GENUINE'],
      [{ keys: otherKeys, randomUid: true }, 'CARD_NOT_GENUINE'],
    ] as const;
    for (const [changes, reason] of cases) expect(await reasonOf(cardOf(changes)), reason).toBe(reason);
  });
  test('a hint of another card, of no time or signed by nobody we know is none', async () => {
    const hint = { asOfS: 1_740_000_000, quotaLeft: 7, listKeyId: lists.keyId, listKey: lists.privateKey };
    const other = issueDesfire(order({ mediumId: Buffer.alloc(16, 9), hint }));
    const mixed = issueDesfire(order());
    mixed.applications.get('4b5654')?.files.set(3, other.applications.get('4b5654')?.files.get(3) as never);
    const cards = [
      createDesfireCard({ eeprom: mixed }),
      cardOf({ hint: { ...hint, listKeyId: 'lists-9' } }),
      cardOf({ hint: { ...hint, listKey: issuer.privateKey } }),
    ];
    for (const card of cards) {
      const { reading } = await present(card);
      expect(reading.ok).toBe(true);
      expect(reading).not.toHaveProperty('card.hint');
    }
  });
});

describe('writing the log', () => {
  test.each(['EV1', 'EV2', 'EV3'] as const)('a ride stands first at the next tap, on %s', async (model) => {
    for (const randomUid of [false, true]) {
      const card = cardOf({ model, randomUid, log: LOG });
      const { settle } = await present(card, EV1);
      expect(await settle(ENTRY)).toBe('written');
      card.reset();
      expect(await logOf(card, EV1)).toEqual([ENTRY, entryOf(3), entryOf(2)]);
    }
  });
  test.each(['EV1', 'EV2'] as const)(
    'the card pulled away at each command: the colour is the identity’s, the log old or new, on %s',
    async (model) => {
      const eeprom = () => issueDesfire(order({ model, log: LOG }));
      const whole = pulledAfter(createDesfireCard({ eeprom: eeprom() }), 1000);
      const { settle } = await present(whole, EV1);
      await settle(ENTRY);
      const outcomes = new Set<string>();
      let greens = 0;
      for (let commands = 0; commands < whole.sent; commands++)
        for (const arrived of [false, true]) {
          const card = createDesfireCard({ eeprom: eeprom() });
          const pulled = arrived ? answerLost(card, commands) : pulledAfter(card, commands);
          const visit = await present(pulled, EV1);
          if (!visit.reading.ok) expect(visit.reading.reason).toBe('CARD_UNREADABLE');
          else greens += 1;
          const outcome = await visit.settle(ENTRY);
          visit.end();
          outcomes.add(outcome);
          card.reset();
          const [newest, second] = (await logOf(card, EV1)) ?? [];
          const written = newest?.seq === ENTRY.seq;
          expect([newest, second]).toEqual(written ? [ENTRY, entryOf(3)] : [entryOf(3), entryOf(2)]);
          if (outcome === 'written') expect(written).toBe(true);
          if (outcome === 'not-written') expect(written).toBe(false);
        }
      expect(outcomes).toEqual(new Set(['no-log', 'not-written', 'unknown']));
      expect(greens).toBeGreaterThan(0);
    },
  );
  test('an answer to the commit that is lost, or not the card’s, is unknown; the next reader sees', async () => {
    const card = badDesfire({ eeprom: issueDesfire(order({ log: LOG })) }, { kind: 'commit-answer-lost' });
    const { settle } = await present(card);
    expect(await settle(ENTRY)).toBe('unknown');
    expect(await logOf(createDesfireCard({ eeprom: card.eeprom() }))).toEqual([
      ENTRY,
      entryOf(3),
      entryOf(2),
    ]);
    for (let seed = 0; seed < 8; seed++) {
      const torn = badDesfire({ eeprom: issueDesfire(order({ log: LOG })) }, { kind: 'torn-commit', seed });
      expect(await (await present(torn)).settle(ENTRY)).toBe('unknown');
      const log = (await logOf(createDesfireCard({ eeprom: torn.eeprom() }))) ?? [];
      expect([
        [ENTRY, entryOf(3), entryOf(2)],
        [entryOf(3), entryOf(2), entryOf(1)],
      ]).toContainEqual(log);
    }
  });
});

/** A card that does what one command asks, and leaves before it is heard. */
function answerLost(card: ReturnType<typeof cardOf>, command: number) {
  let sent = 0;
  return {
    transmit: async (apdu: Uint8Array) => {
      const answer = sent <= command ? await card.transmit(apdu) : new Uint8Array(0);
      return sent++ < command ? answer : new Uint8Array(0);
    },
  };
}

describe('cards with faults', () => {
  const faulty = (...faults: DesfireFault[]) =>
    badDesfire({ eeprom: issueDesfire(order({ log: LOG })) }, ...faults);
  /** Commands of a tap: select 0, version 1–3, key version 4, authentication 5–6, identity 7, log 8, hint 9. */
  test.each([
    [0, 0x6a82, 'CARD_UNKNOWN'],
    [0, 0x6b00, 'CARD_UNKNOWN'],
    [0, 0x6283, 'CARD_LOCKED'],
    [0, 0x6f00, 'CARD_UNREADABLE'],
    [1, 0x91cd, 'CARD_LOCKED'],
    [4, 0x9140, 'CARD_UNKNOWN'],
    [5, 0x91ad, 'CARD_UNREADABLE'],
    [5, 0x91ae, 'CARD_NOT_GENUINE'],
    [6, 0x91ae, 'CARD_NOT_GENUINE'],
    [7, 0x91ae, 'CARD_NOT_GENUINE'],
    [7, 0x911e, 'CARD_NOT_GENUINE'],
    [7, 0x919d, 'CARD_UNKNOWN'],
    [7, 0x91f0, 'CARD_UNKNOWN'],
    [7, 0x91be, 'CARD_UNKNOWN'],
    [7, 0x91a1, 'CARD_LOCKED'],
    [7, 0x91c1, 'CARD_LOCKED'],
    [7, 0x91f1, 'CARD_LOCKED'],
    [7, 0x91ee, 'CARD_UNREADABLE'],
    [7, 0x91ca, 'CARD_UNREADABLE'],
  ])('command %i answered with %i', async (command, status, reason) => {
    expect(await reasonOf(faulty({ kind: 'wrong-status', command, status }))).toBe(reason);
  });
  test('a log that the card does not give leaves a card without log, which is still settled', async () => {
    for (const status of [0x91be, 0x911e, 0x91ee]) {
      const card = faulty({ kind: 'wrong-status', command: 8, status });
      const { reading, settle } = await present(card);
      expect(reading).toMatchObject({ ok: true, card: { tokenId: TOKEN } });
      expect(reading).not.toHaveProperty('card.log');
      expect(await settle(ENTRY)).toBe('written');
    }
  });
  test('a bit flipped in any answer, sampled: never another card, never a half one', async () => {
    const reference = await present(cardOf({ log: LOG }));
    for (let command = 1; command <= 9; command++) {
      for (let byte = command % 7; byte < 160; byte += 7) {
        const visit = await present(faulty({ kind: 'flipped-answer', command, byte, bit: byte % 8 }));
        visit.end();
        if (!visit.reading.ok) continue;
        const { log, hint, ...rest } = factsOf(visit.reading);
        const { log: whole, ...expected } = factsOf(reference.reading);
        expect(rest, `command ${command}, byte ${byte}`).toEqual(expected);
        if (log !== undefined) expect(log).toEqual(whole);
        expect(hint).toBeUndefined();
      }
    }
  });
  test.each([
    [{ kind: 'lying-length', ins: 0xad, bytes: 1 }, 'CARD_NOT_GENUINE'],
    [{ kind: 'lying-length', ins: 0xad, bytes: -1 }, 'CARD_NOT_GENUINE'],
    [{ kind: 'lying-length', ins: 0x60, bytes: 3 }, 'CARD_UNREADABLE'],
    [{ kind: 'endless-frames', bytes: 7, fromCommand: 1 }, 'CARD_UNREADABLE'],
    [{ kind: 'endless-frames', bytes: 0, fromCommand: 7 }, 'CARD_UNREADABLE'],
    [{ kind: 'other-uid', uid: Buffer.from('04998877665544', 'hex') }, 'CARD_NOT_GENUINE'],
  ] as const)('%j', async (fault, reason) => {
    expect(await reasonOf(faulty(fault))).toBe(reason);
  });
  test('a card without our application is another medium’s', async () => {
    const eeprom = issueDesfire(order());
    eeprom.applications.clear();
    expect(await reasonOf(createDesfireCard({ eeprom }))).toBe('CARD_UNKNOWN');
  });
});
