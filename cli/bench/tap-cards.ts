/** Cards for measuring a tap: each kind by name, card n of a kind always another card. */
import { behindReader } from '../../simulators/cards/desfire/behind-reader.ts';
import { createDesfireCard } from '../../simulators/cards/desfire/desfire-card.ts';
import { issueDesfire } from '../../simulators/cards/desfire/issue-desfire.ts';
import { bankCard, testPan } from '../../simulators/cards/emv/profiles.ts';
import { createVirtualCard, type VirtualCard } from '../../simulators/cards/virtual-card.ts';
import type { CityKeys } from '../city/city-keys.ts';

/** Kinds that can be measured: layout 2 and layout 1, bank cards with CDA (mastercard) and with fDDA (visa). */
export const TAP_CARDS = ['desfire', 'plain', 'mastercard', 'visa'] as const;
export type TapCard = (typeof TAP_CARDS)[number];

/** Card number n, as it comes to a reader. */
export type CardMaker = (n: number) => VirtualCard;

/** Makes cards of a kind; making one takes no part of a measured time. */
export function cardMaker(kind: TapCard, keys: CityKeys): CardMaker {
  switch (kind) {
    case 'plain':
      return (n) => createVirtualCard({ ...orderOf(n, keys), mediumKind: 'wallet' });
    case 'desfire':
      return (n) => {
        const uid = Buffer.from(orderOf(n, keys).mediumId.subarray(9));
        uid[0] = 0x04; // the maker's byte of a chip
        const eeprom = issueDesfire({
          ...orderOf(n, keys),
          kind: 'wallet',
          model: 'EV3',
          uid,
          keys: keys.cardKeys,
        });
        return behindReader(createDesfireCard({ eeprom }));
      };
    default:
      return (n) => bankCard(kind, { pan: testPan(kind, n) });
  }
}

function orderOf(n: number, keys: CityKeys) {
  const mediumId = Buffer.alloc(16);
  mediumId.writeUInt32BE(n, 12);
  return {
    mediumId,
    validFromS: 0,
    validUntilS: 0xffff_ffff,
    language: 'uk',
    issuer: keys.issuer,
  } as const;
}
