/** What a PC/SC reader makes of a DESFire card in its field: an ATR of its own making, and the UID by a pseudo-command. */
import { status } from '../short-apdu.ts';
import type { VirtualCard } from '../virtual-card.ts';
import { parseApdu } from './apdu.ts';
import type { DesfireCard } from './desfire-card.ts';

/**
 * PC/SC part 3, 3.1.3.2.3: TS 3B, T0 one historical byte, TD1 and TD2 for T=0 and T=1, the byte `80` that a DESFire's
 * ATS carries, check byte.
 */
export const DESFIRE_ATR = Uint8Array.of(0x3b, 0x81, 0x80, 0x01, 0x80, 0x80);

const HISTORICAL = Buffer.of(0x80);

/** The card as it is seen through the reader: `FF CA` (PC/SC part 3, 3.2.2.1.3) is the reader's own answer. */
export function behindReader(card: DesfireCard): VirtualCard {
  return {
    atr: DESFIRE_ATR,
    reset: () => card.reset(),
    transmit: async (apdu) => {
      const parsed = parseApdu(apdu);
      if (parsed?.cla !== 0xff) return card.transmit(apdu);
      if (parsed.ins !== 0xca || parsed.p1 > 1 || parsed.p2 !== 0) return status(0x6a81);
      if (parsed.le === undefined) return status(0x6700);
      const value = parsed.p1 === 0 ? card.fieldId() : HISTORICAL;
      if (parsed.le < value.length) return status(0x6c00 | value.length);
      const short = parsed.le !== 256 && parsed.le > value.length;
      return Buffer.concat([value, status(short ? 0x6282 : 0x9000)]);
    },
  };
}
