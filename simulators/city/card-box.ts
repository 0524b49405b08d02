/** The riders' cards: made when they are first used, kept for as long as the simulation lives. */
import type { CardTransport } from '../../edge-agent/ports.ts';
import { type CardIssuer, cardTokenId } from '../cards/issue-card.ts';
import { createVirtualCard } from '../cards/virtual-card.ts';
import type { Rider } from './riders.ts';

const DAY_S = 86_400;
/** Cards are valid for five years. */
const VALID_S = 5 * 365 * DAY_S;
/** An expired card ended this long before the simulation's first morning. */
const EXPIRED_BEFORE_S = 30 * DAY_S;

export interface CardBox {
  cardOf(rider: Rider): { card: CardTransport; tokenId: string };
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
  const cards = new Map<string, { card: CardTransport; tokenId: string }>();
  const validFromS = Math.floor(options.validFromMs / 1000);
  const order = (rider: Rider) => ({
    mediumKind: rider.mediumKind,
    mediumId: Buffer.from(rider.mediumIdHex, 'hex'),
    language: rider.language,
    validFromS,
    validUntilS:
      rider.fault === 'expired'
        ? Math.floor(options.beginMs / 1000) - EXPIRED_BEFORE_S
        : validFromS + VALID_S,
    issuer: options.issuer,
  });
  return {
    cardOf(rider) {
      let made = cards.get(rider.riderId);
      if (!made) {
        const { mediumId } = order(rider);
        made = { card: createVirtualCard(order(rider)), tokenId: cardTokenId(mediumId, options.tokenKey) };
        cards.set(rider.riderId, made);
      }
      return made;
    },
    tornCardOf: (rider) =>
      createVirtualCard({ ...order(rider), misbehaviour: { kind: 'gone-after', apdus: 1 } }),
  };
}
