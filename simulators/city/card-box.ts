/** The riders' cards: made when they are first used, kept for as long as the simulation lives. */
import { createDesfireCard } from '../cards/desfire/desfire-card.ts';
import { type DesfireMasterKeys, issueDesfire } from '../cards/desfire/issue-desfire.ts';
import { type BankCardChanges, type BankCardKind, bankCard, testPan } from '../cards/emv/profiles.ts';
import { type CardIssuer, cardTokenId } from '../cards/issue-card.ts';
import { misbehave } from '../cards/misbehaviour.ts';
import { createVirtualCard, type VirtualCard } from '../cards/virtual-card.ts';
import type { Rider } from './riders.ts';

const DAY_S = 86_400;
/** Cards are valid for five years. */
const VALID_S = 5 * 365 * DAY_S;
/** An expired card ended this long before the simulation's first morning. */
const EXPIRED_BEFORE_S = 30 * DAY_S;

/** A rider's card, and the token under which the city knows it; null for a bank card, which nobody registers. */
export interface RiderCard {
  readonly card: VirtualCard;
  readonly tokenId: string | null;
}

export interface CardBox {
  cardOf(rider: Rider): RiderCard;
  /** The same card, taken away after the first exchange. */
  tornCardOf(rider: Rider): VirtualCard;
}

/** `beginMs` is the first morning of the simulation, `validFromMs` the day on which all cards were issued. */
export function createCardBox(options: {
  readonly issuer: CardIssuer;
  readonly cardKeys: DesfireMasterKeys;
  readonly tokenKey: Uint8Array;
  readonly beginMs: number;
  readonly validFromMs: number;
}): CardBox {
  const cards = new Map<string, RiderCard>();
  const validFromS = Math.floor(options.validFromMs / 1000);
  const make = (rider: Rider): RiderCard => {
    const expiredS = Math.floor(options.beginMs / 1000) - EXPIRED_BEFORE_S;
    const valid = { validFromS, validUntilS: rider.fault === 'expired' ? expiredS : validFromS + VALID_S };
    const bank = rider.bankCard;
    if (bank !== null) return lazily(null, () => bankCard(bank, bankOrder(rider, bank, valid)));
    const mediumId = Buffer.from(rider.mediumIdHex, 'hex');
    const tokenId = cardTokenId(mediumId, options.tokenKey);
    return lazily(tokenId, () => cityCard(rider, mediumId, valid, options));
  };
  const cardOf = (rider: Rider): RiderCard => {
    const known = cards.get(rider.riderId);
    if (known) return known;
    const made = make(rider);
    cards.set(rider.riderId, made);
    return made;
  };
  return {
    cardOf,
    tornCardOf: (rider) => misbehave(cardOf(rider).card, { kind: 'gone-after', apdus: 1 }),
  };
}

/** Thousands of riders are registered at a start; few of them ride at once, and only these need a card. */
function lazily(tokenId: string | null, make: () => VirtualCard): RiderCard {
  let made: VirtualCard | undefined;
  return {
    tokenId,
    get card() {
      made ??= make();
      return made;
    },
  };
}

interface Valid {
  readonly validFromS: number;
  readonly validUntilS: number;
}

/** A card that the city has issued, of the layout that the rider was drawn with. */
function cityCard(
  { chip, mediumKind, language }: Rider,
  mediumId: Uint8Array,
  valid: Valid,
  { issuer, cardKeys }: { readonly issuer: CardIssuer; readonly cardKeys: DesfireMasterKeys },
): VirtualCard {
  const kind = mediumKind === 'social' ? 'social' : 'wallet';
  const order = { mediumId, language, issuer, ...valid };
  if (chip.layout === 'plain') return createVirtualCard({ ...order, mediumKind: kind });
  const { model, uidHex, randomUid } = chip;
  const uid = Buffer.from(uidHex, 'hex');
  return createDesfireCard({
    eeprom: issueDesfire({ ...order, kind, model, uid, randomUid, keys: cardKeys }),
  });
}

/** The bank's order: a number of the test ranges that no other rider has. */
function bankOrder(rider: Rider, kind: BankCardKind, valid: Valid): BankCardChanges {
  const day = (atS: number): string => new Date(atS * 1000).toISOString().slice(2, 10).replaceAll('-', '');
  return {
    pan: testPan(kind, Number(rider.riderId.replace(/\D/g, ''))),
    par: `5413KVYTOK${rider.mediumIdHex.slice(0, 19).toUpperCase()}`,
    effective: day(valid.validFromS),
    expiry: day(valid.validUntilS),
  };
}
