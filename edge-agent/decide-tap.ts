/**
 * Green or red: the whole rule of a validator, pure. It knows the card, the deny list, the city's policy, the time
 * and what it answered a moment ago; it never asks the network and never knows a rider's category.
 */
import type { DenyEntry, DenyReason } from '#contracts/deny-list.ts';
import type { RefusalCode } from '#contracts/reason-codes.ts';
import type { CardFacts, DevicePolicy, ServiceCard } from './ports.ts';

/** What the passenger is told of a denial. A debt and a suspicion of fraud are nobody's business at the door. */
const DENIALS: Readonly<Record<DenyReason, RefusalCode>> = {
  lost: 'CARD_BLOCKED',
  replaced: 'CARD_REPLACED',
  debt: 'CARD_DENIED',
  fraud: 'CARD_DENIED',
  unconfirmed: 'CARD_DENIED',
};

/** An earlier green of the same medium in the same vehicle. */
export interface EarlierRide {
  /** In this device's journal; null = at another door of the vehicle. */
  readonly seq: number | null;
  readonly elapsedMs: number;
  /** Paid for in it so far. */
  readonly companions: number;
  /** Absent = none. */
  readonly bags?: number;
}

export interface TapQuestion {
  readonly card: CardFacts;
  /** City time as the device knows it. */
  readonly nowMs: number;
  readonly policy: DevicePolicy;
  /** Entries of the deny list for every token of the medium. */
  readonly denials: readonly DenyEntry[];
  /** How far `nowMs` may be from the city's time, either way. */
  readonly uncertaintyMs: number;
  /** When the city signed the manifest of the list that holds: it is not earlier than that now. Null: never. */
  readonly listVouchedAtMs: number | null;
  readonly earlier: EarlierRide | null;
}

export type TapDecision =
  | {
      readonly accepted: true;
      /** The touch repeats a ride. */
      readonly repeated?: true;
      /** That ride, where it is in this device's journal. */
      readonly passBackOfSeq?: number;
      /** Companions of that ride so far. */
      readonly companions?: number;
      /** Bags of that ride so far; absent = none. */
      readonly bags?: number;
      /** A debt stands against rides that the wallet would pay; only the city knows whether this is one. */
      readonly deniedWhenPaid: boolean;
    }
  | {
      readonly accepted: false;
      readonly reason: RefusalCode;
      /** The token that is denied, where its holder may look up why. */
      readonly deniedTokenId?: string;
    };

/**
 * Decides one touch. The order of questions is the order in which a person would put them: is this kind of medium
 * taken here, is it its time, is it blocked, is it a repetition.
 */
export function decideTap(question: TapQuestion): TapDecision {
  const { card, nowMs, policy, earlier } = question;
  if (!policy.mediumKinds.includes(card.mediumKind)) return refused('MEDIUM_NOT_TAKEN');
  if (nowMs < card.validFromMs) return refused('CARD_NOT_YET_VALID');
  if (nowMs >= card.validUntilMs) return refused('CARD_EXPIRED');
  const denial = denialThatHolds(question);
  // An empty wallet (scope `paid`) must never keep out a rider whom a concession or a pass carries.
  if (denial?.scope === 'all') {
    const reason = DENIALS[denial.reason];
    // The page that answers knows bank cards; it is shown whatever the reason, so that it tells bystanders none.
    const findable = card.mediumKind === 'bank' && reason === 'CARD_DENIED';
    return { accepted: false, reason, ...(findable && { deniedTokenId: denial.tokenId }) };
  }
  const repeated = earlier !== null && earlier.elapsedMs < policy.passBackS * 1000;
  return {
    accepted: true,
    deniedWhenPaid: denial !== undefined,
    ...(repeated && {
      repeated,
      ...(earlier.seq !== null && { passBackOfSeq: earlier.seq }),
      companions: earlier.companions,
      ...(earlier.bags && { bags: earlier.bags }),
    }),
  };
}

/** A card of staff: its time, and whether it was taken back. `null` = it is good. */
export function refusalOfStaff(
  service: Pick<ServiceCard, 'validFromMs' | 'validUntilMs'>,
  question: DenialQuestion,
): RefusalCode | null {
  const { nowMs } = question;
  if (nowMs < service.validFromMs) return 'CARD_NOT_YET_VALID';
  if (nowMs >= service.validUntilMs) return 'CARD_EXPIRED';
  const denial = denialThatHolds(question);
  return denial === undefined ? null : DENIALS[denial.reason];
}

type DenialQuestion = Pick<TapQuestion, 'denials' | 'nowMs' | 'uncertaintyMs' | 'listVouchedAtMs'>;

/**
 * While a token key rotates a medium may stand in the list under both of its tokens. An entry that is over hides none that
 * holds, and one that refuses every ride stands above one that refuses paid rides.
 */
function denialThatHolds(question: DenialQuestion): DenyEntry | undefined {
  const holding = question.denials.filter((entry) => holds(entry, question));
  return holding.find(({ scope }) => scope === 'all') ?? holding[0];
}

/**
 * Half-open: from the first instant on, no longer at the last. Where the clock leaves it open whether a denial has begun
 * or is over already, the rider is let on: as with prices, doubt is not the rider's.
 */
function holds(entry: DenyEntry, { nowMs, uncertaintyMs, listVouchedAtMs }: DenialQuestion): boolean {
  const earliestMs = Math.max(nowMs - uncertaintyMs, listVouchedAtMs ?? Number.NEGATIVE_INFINITY);
  const latestMs = Math.max(nowMs + uncertaintyMs, earliestMs);
  return entry.validFromMs <= earliestMs && (entry.validUntilMs === null || latestMs < entry.validUntilMs);
}

function refused(reason: RefusalCode): TapDecision {
  return { accepted: false, reason };
}
