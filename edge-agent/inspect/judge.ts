/**
 * Whether a ride stands on this vehicle: the whole rule of an inspector's device, pure. Every doubt is the passenger's: a
 * clock that may be wrong, a validator that was out of order, nobody to ask.
 */
import type { InspectionRule } from '#contracts/enrolment.ts';
import type { RefusalCode } from '#contracts/reason-codes.ts';
import type { CheckBody, CheckResult } from '#contracts/record.ts';
import type { CardLogEntry } from '../ports.ts';

/** What one validator of the vehicle says. */
export interface ValidatorWord {
  readonly deviceId: string;
  /** In order through the whole window that was asked for. */
  readonly inOrder: boolean;
  /** The medium's ride in the window, as this validator has it, or has heard of it from another door. */
  readonly ride?: {
    readonly atMs: number;
    readonly seq: number;
    readonly companions: number;
    readonly bags?: number;
    readonly deviceId?: string;
  };
}

/** What is known of the medium. `none`: the passenger has nothing to show. */
export type MediumSeen =
  | {
      readonly kind: 'medium';
      readonly tokenId: string;
      /** The one under the key before, while a rotation runs. */
      readonly formerTokenId?: string;
      /** Newest first. */
      readonly log?: readonly CardLogEntry[];
      /** Why no validator would take it now: expired, denied. A ride that stands is not touched by it. */
      readonly refused?: RefusalCode;
    }
  | { readonly kind: 'not-taken'; readonly reason: RefusalCode }
  | { readonly kind: 'none' };

export interface CheckQuestion {
  readonly medium: MediumSeen;
  /** City time as the device knows it, and how far that may be off. */
  readonly nowMs: number;
  readonly uncertaintyMs: number;
  readonly vehicleTag: string;
  /** What the tariff of the time says for this route; without it nothing can be asked of anybody. */
  readonly rule: InspectionRule | undefined;
  /** Validators of the vehicle that answered; empty = none could be reached. */
  readonly validators: readonly ValidatorWord[];
  /** Validators of which the others know and that did not answer. */
  readonly silent: readonly string[];
}

export interface Verdict {
  readonly result: CheckResult;
  readonly evidence: CheckBody['evidence'];
  readonly reason?: RefusalCode;
  readonly ride?: NonNullable<CheckBody['ride']> & { readonly companions: number; readonly bags?: number };
  /** A protocol may be prepared. */
  readonly finable: boolean;
}

/** Of such a card nothing is known: it is held to the device again. */
const ONCE_MORE: ReadonlySet<RefusalCode> = new Set(['CARD_UNREADABLE', 'CARDS_SEVERAL']);

/**
 * Judges one check. The order of questions is the passenger's: does my ride stand, could I have paid, and only then, did I.
 */
export function judge(question: CheckQuestion): Verdict {
  const { medium, rule, validators, silent } = question;
  if (medium.kind === 'not-taken' && ONCE_MORE.has(medium.reason))
    return { result: 'not-readable', evidence: 'none', reason: medium.reason, finable: false };
  const ride = medium.kind === 'medium' ? standingRide(medium, question) : undefined;
  if (ride) return { result: 'ride-stands', finable: false, ...ride };
  const reason =
    medium.kind === 'not-taken' ? medium.reason : medium.kind === 'medium' ? medium.refused : undefined;
  const why = reason === undefined ? {} : { reason };
  if (silent.length > 0 || validators.some(({ inOrder }) => !inOrder))
    return { result: 'validator-out-of-order', evidence: 'vehicle', ...why, finable: false };
  if (validators.length === 0 || rule === undefined)
    return { result: 'unclear', evidence: 'none', ...why, finable: false };
  // Of a card that is not taken here there is no token: no validator could be asked whether it rides.
  if (medium.kind === 'not-taken') return { result: 'refused', evidence: 'none', ...why, finable: false };
  const result = reason === undefined ? 'no-ride' : 'refused';
  return { result, evidence: 'vehicle', ...why, finable: rule.penalty !== undefined };
}

function standingRide(
  medium: Extract<MediumSeen, { kind: 'medium' }>,
  question: CheckQuestion,
): Pick<Verdict, 'evidence' | 'ride'> | undefined {
  const logged = medium.log?.find(
    (entry, index) =>
      entry.vehicleTag === question.vehicleTag &&
      // Of a time that nobody knows only the newest entry counts: it may be of now.
      (entry.clockUnsure ? index === 0 : stands(entry.atMs, question)),
  );
  if (logged) {
    const { atMs, deviceTag, seq, companions, bags } = logged;
    const beside = { companions, ...(bags !== undefined && { bags }) };
    return { evidence: 'card-log', ride: { atMs, deviceTag, seq, ...beside } };
  }
  for (const { deviceId, ride } of question.validators) {
    if (ride && stands(ride.atMs, question)) return { evidence: 'vehicle', ride: { deviceId, ...ride } };
  }
  return undefined;
}

/** Half-open: from the tap on, no longer at the end of the window; what clocks leave open stands. */
function stands(atMs: number, { nowMs, uncertaintyMs, rule }: CheckQuestion): boolean {
  // Without a rule nobody has said for how long: a ride on this vehicle stands.
  if (rule === undefined) return true;
  return nowMs - uncertaintyMs < atMs + rule.rideWindowS * 1000;
}
