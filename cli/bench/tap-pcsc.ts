/**
 * A whole transaction through the real PC/SC stack: card simulator → vpcd → pcscd → reader process → agent process → light.
 * It is timed from the first command that the card hears; how long PC/SC takes to notice a card is the reader's affair.
 */
import type { VirtualCard } from '../../simulators/cards/virtual-card.ts';
import { openPcscValidator } from '../present-card.ts';
import type { BenchContext } from './bench.ts';
import type { TapRig } from './tap-rig.ts';

/** Lays cards 0 … taps−1 on the reader, after one to warm up; gives milliseconds from first command to light. */
export async function tapThroughPcsc(
  rig: TapRig,
  plan: { readonly card: (n: number) => VirtualCard; readonly taps: number },
  { signal }: Pick<BenchContext, 'signal'>,
): Promise<number[]> {
  const times: number[] = [];
  const validator = await openPcscValidator({ deviceDir: rig.deviceDir });
  try {
    for (let n = 0; n <= plan.taps; n++) {
      signal.throwIfAborted();
      let heardMs = Number.NaN;
      const card = hearing(plan.card(n), () => {
        if (Number.isNaN(heardMs)) heardMs = performance.now();
      });
      const { sign, reason, seenAtMs } = await validator.present(card);
      if (sign !== 'accepted') throw new Error(`card ${n} was not accepted: ${reason ?? sign}`);
      if (n > 0) times.push(seenAtMs - heardMs);
    }
    return times;
  } finally {
    await validator.stop();
  }
}

function hearing(card: VirtualCard, onCommand: () => void): VirtualCard {
  return {
    ...card,
    transmit: (apdu) => {
      onCommand();
      return card.transmit(apdu);
    },
  };
}
