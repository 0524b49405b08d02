/** Why a pass or carnet is not taken back. */
export const HOLDING_REFUSALS = {
  HOLDING_UNKNOWN: 'no such pass or carnet was sold',
  HOLDING_ALREADY_RETURNED: 'it was given back before',
  HOLDING_NOT_RETURNABLE: 'the terms of its product, as they stood at the sale, take none back',
  HOLDING_EXPIRED: 'its time is over, or the time in which it may be given back; the detail names the end',
  HOLDING_USED: 'it may be given back only before its first ride',
  HOLDING_NOTHING_LEFT: 'of its price nothing would come back',
  HOLDING_AMOUNT_DIFFERS: 'another amount comes back than the passenger was told; the detail names it',
  HOLDING_WORK_WAITING: 'rides of its holder are being priced just now, or are stuck; ask again in a moment',
} as const;
export type HoldingRefusal = keyof typeof HOLDING_REFUSALS;
