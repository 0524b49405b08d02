/** Cards for measuring a tap: each kind by name, card n of a kind always another card. */
import { bankCard, testPan } from '../../simulators/cards/emv/profiles.ts';
import { createVirtualCard, type VirtualCard } from '../../simulators/cards/virtual-card.ts';
import type { CityKeys } from '../city/city-keys.ts';

/** Kinds that can be measured: our plain layout, bank cards with CDA (mastercard) and with fDDA (visa). */
export const TAP_CARDS = ['plain', 'mastercard', 'visa'] as const;
export type TapCard = (typeof TAP_CARDS)[number];

/** Card number n, as it comes to a reader. */
export type CardMaker = (n: number) => VirtualCard;

/** Makes cards of a kind; making one takes no part of a measured time. */
export function cardMaker(kind: TapCard, keys: CityKeys): CardMaker {
  if (kind !== 'plain') return (n) => bankCard(kind, { pan: testPan(kind, n) });
  return (n) =>
    createVirtualCard({
      mediumKind: 'wallet',
      mediumId: mediumId(n),
      validFromS: 0,
      validUntilS: 0xffff_ffff,
      language: 'uk',
      issuer: keys.issuer,
    });
}

function mediumId(n: number): Buffer {
  const id = Buffer.alloc(16);
  id.writeUInt32BE(n, 12);
  return id;
}
