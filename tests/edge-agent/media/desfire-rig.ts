/** The reader's media against the virtual DESFire card: one city's keys on both sides. */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { CardMediaFile } from '#contracts/card-media.ts';
import { realTimers } from '../../../edge-agent/adapters/timers.ts';
import type { KeyProvider } from '../../../edge-agent/keys/key-provider.ts';
import { createSoftwareKeys } from '../../../edge-agent/keys/software-keys.ts';
import { createMedia } from '../../../edge-agent/media/card-media.ts';
import { openCard } from '../../../edge-agent/media/read-medium.ts';
import type { CardLogEntry, CardTransport } from '../../../edge-agent/ports.ts';
import { createDesfireCard, type DesfireCard } from '../../../simulators/cards/desfire/desfire-card.ts';
import {
  type DesfireMasterKeys,
  type DesfireOrder,
  issueDesfire,
} from '../../../simulators/cards/desfire/issue-desfire.ts';
import { fakeMedium } from './fake-medium.ts';

export const issuer = { keyId: 'i001', ...generateKeyPairSync('ed25519') };
export const lists = { keyId: 'lists-1', ...generateKeyPairSync('ed25519') };
export const UID = Buffer.from('04112233445566', 'hex');
export const MEDIUM_ID = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const TOKEN_KEY = Buffer.alloc(32, 7);

/** Master keys of a generation; every key of every generation is another. */
export function masterKeys(generation: number): DesfireMasterKeys {
  const key = (name: string): Buffer =>
    createHash('sha256').update(`${name} ${generation}`).digest().subarray(0, 16);
  return {
    generation,
    picc: key('picc'),
    master: key('master'),
    read: key('read'),
    log: key('log'),
    uid: key('uid'),
    hint: key('hint'),
  };
}

/** The keys of a validator: reading, log, UID, of the generations that live; token keys by version. */
export function readerKeys(generations: readonly number[], tokens = new Map([[1, TOKEN_KEY]])) {
  const versions = (name: 'read' | 'log' | 'uid') =>
    new Map(generations.map((generation) => [generation, masterKeys(generation)[name]]));
  return createSoftwareKeys({
    tokens: new Map([['token', tokens]]),
    cards: {
      keys: new Map([
        ['desfire-read', versions('read')],
        ['desfire-log', versions('log')],
        ['desfire-uid', versions('uid')],
        ['lviv-read', new Map([[3, Buffer.alloc(16, 0x33)]])],
        ['lviv-uid', new Map([[3, Buffer.alloc(16, 0x34)]])],
      ]),
      random: randomBytes,
    },
  });
}

export function order(changes: Partial<DesfireOrder> = {}): DesfireOrder {
  return {
    model: 'EV2',
    uid: UID,
    kind: 'social',
    mediumId: MEDIUM_ID,
    validFromS: 1_700_000_000,
    validUntilS: 1_900_000_000,
    language: 'pl',
    issuer: { keyId: issuer.keyId, privateKey: issuer.privateKey },
    keys: masterKeys(4),
    ...changes,
  };
}

export function cardOf(changes: Partial<DesfireOrder> = {}): DesfireCard {
  return createDesfireCard({ eeprom: issueDesfire(order(changes)) });
}

export const ENTRY: CardLogEntry = {
  atMs: 1_750_000_000_000,
  vehicleTag: 'a1b2c3d4',
  routeTag: '00000000',
  deviceTag: '01020304',
  seq: 77,
  companions: 2,
  bags: 1,
  clockUnsure: true,
};

export interface Policy {
  readonly media?: CardMediaFile['media'];
  readonly generations?: readonly number[];
  readonly timeMsMax?: number;
  readonly keys?: KeyProvider;
}

/** Presents a card to the city's media; the visit is still open. */
export function present(card: CardTransport, policy: Policy = {}) {
  const media = createMedia(
    { v: 1, media: [...(policy.media ?? [{ kind: 'kvytok-desfire' }])] },
    {
      keys: policy.keys ?? readerKeys(policy.generations ?? [3, 4]),
      issuerKeys: new Map([[issuer.keyId, issuer.publicKey]]),
      listKeys: new Map([[lists.keyId, lists.publicKey]]),
      bankCard: fakeMedium('bank-card', 'not-mine'),
    },
  );
  return openCard(card, media, { timers: realTimers, timeMsMax: policy.timeMsMax ?? 5000 });
}

/** A card whose field goes off instead of an answer, from one command on (counted from 0). */
export function pulledAfter(card: DesfireCard, commands: number): CardTransport & { readonly sent: number } {
  let sent = 0;
  return {
    get sent() {
      return sent;
    },
    transmit: async (apdu) => {
      if (sent++ < commands) return card.transmit(apdu);
      // The command may have arrived or not: here it did not.
      card.reset();
      return new Uint8Array(0);
    },
  };
}
