/** The riders' cards: made when they are first used, kept for as long as the simulation lives. */
import type { CardTransport } from '../../edge-agent/ports.ts';
import { badBankCard } from '../cards/emv/emv-misbehaviour.ts';
import { type BankCardChanges, type BankCardKind, bankCard, testPan } from '../cards/emv/profiles.ts';
import { type CardIssuer, cardTokenId } from '../cards/issue-card.ts';
import type { Misbehaviour } from '../cards/misbehaviour.ts';
import { createVirtualCard } from '../cards/virtual-card.ts';
import type { Rider } from './riders.ts';

const DAY_S = 86_400;
/** Cards are valid for five years. */
const VALID_S = 5 * 365 * DAY_S;
/** An expired card ended this long before the simulation's first morning. */
const EXPIRED_BEFORE_S = 30 * DAY_S;

/** A rider's card, and the token under which the city knows it; null for a bank card, which nobody registers. */
export interface RiderCard {
  readonly card: CardTransport;
  readonly tokenId: string | null;
}

export interface CardBox {
  cardOf(rider: Rider): RiderCard;
  /** The same card, taken away after the first exchange. */
  tornCardOf(rider: Rider): CardTransport;
}

/** `beginMs` is the first morning of the simulation, `validFromMs` the day on which all cards were issued. */
export function createCardBox(options: {
  readonly issuer: CardIssuer;
  readonly tokenKey: Uint8Array;
  readonly beginMs: number;
  readonly validFromMs: number;
}): CardBox {
  const cards = new Map<string, RiderCard>();
  const validFromS = Math.floor(options.validFromMs / 1000);
  const validUntilS = (rider: Rider): number =>
    rider.fault === 'expired' ? Math.floor(options.beginMs / 1000) - EXPIRED_BEFORE_S : validFromS + VALID_S;
  const make = (rider: Rider, misbehaviour?: Misbehaviour): RiderCard => {
    if (rider.bankCard !== null) {
      const changes = bankOrder(rider, rider.bankCard, { validFromS, validUntilS: validUntilS(rider) });
      const card = misbehaviour
        ? badBankCard(rider.bankCard, misbehaviour, changes)
        : bankCard(rider.bankCard, changes);
      return { card, tokenId: null };
    }
    const mediumId = Buffer.from(rider.mediumIdHex, 'hex');
    const card = createVirtualCard({
      mediumKind: rider.mediumKind === 'social' ? 'social' : 'wallet',
      mediumId,
      language: rider.language,
      validFromS,
      validUntilS: validUntilS(rider),
      issuer: options.issuer,
      ...(misbehaviour && { misbehaviour }),
    });
    return { card, tokenId: cardTokenId(mediumId, options.tokenKey) };
  };
  return {
    cardOf(rider) {
      let made = cards.get(rider.riderId);
      if (!made) {
        made = make(rider);
        cards.set(rider.riderId, made);
      }
      return made;
    },
    tornCardOf: (rider) => make(rider, { kind: 'gone-after', apdus: 1 }).card,
  };
}

/** The bank's order: a number of the test ranges that no other rider has. */
function bankOrder(
  rider: Rider,
  kind: BankCardKind,
  valid: { readonly validFromS: number; readonly validUntilS: number },
): BankCardChanges {
  const day = (atS: number): string => new Date(atS * 1000).toISOString().slice(2, 10).replaceAll('-', '');
  return {
    pan: testPan(kind, Number(rider.riderId.replace(/\D/g, ''))),
    par: `5413KVYTOK${rider.mediumIdHex.slice(0, 19).toUpperCase()}`,
    effective: day(valid.validFromS),
    expiry: day(valid.validUntilS),
  };
}
