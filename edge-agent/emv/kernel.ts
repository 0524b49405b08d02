/**
 * The port behind which bank cards are read. Its contract is what a certified kernel gives: a token instead of the card's
 * number, the outcome of offline data authentication, how long the card is valid, and the data of the later authorisation
 * sealed for the acquirer. The number itself never crosses it.
 *
 * Two adapters are meant:
 *
 * - `reference-kernel.ts`, open, for tests, development and pilots that the acquirer has agreed to. It is not certified,
 *   and refuses live CA keys unless configured to take them.
 * - A certified reader in production. Such a reader has EMVCo level 1 (radio, protocol) and level 2 (kernel) approval for
 *   each scheme, PCI PTS with SRED (it encrypts card data inside), and the acquirer's level 3 approval of terminal and
 *   configuration together. It runs the whole conversation itself: its adapter ignores `talk`, starts a transaction with
 *   {@link KernelRequest}'s values, and turns the reader's answer into {@link KernelResult}. The token then comes from the
 *   reader too (its own keyed hash, or a MAC by its SAM under the same key names), the sealed blob from its SRED keys
 *   (`keyId` names the acquirer's key set, e.g. a DUKPT base key).
 *
 * What certification means for this project: nothing that the open kernel does replaces it. docs/SECURITY.md says who
 * answers for what.
 */
import type { Conversation } from '../apdu.ts';
import type { Scheme } from './select.ts';

export type { Scheme } from './select.ts';

/** What the terminal brings to one transaction. */
export interface KernelRequest {
  /** The clock, UTC milliseconds: certificates and the card are judged by it. */
  readonly nowMs: number;
  /** Tag 9A: the local date, `YYMMDD` in packed digits. */
  readonly localDate: Buffer;
  /** Tag 9F21: the local time, `HHMMSS`. */
  readonly localTime: Buffer;
}

/** Why a bank card was not taken. */
export type KernelRefusal =
  /** The card left, fell silent, or says what no card may say. */
  | 'unreadable'
  /** The card, or each application of it, is blocked. */
  | 'blocked'
  /** No application that this terminal supports. */
  | 'not-supported'
  /** A card that cannot prove itself without its bank, or declines to; or one that insists on a PIN. */
  | 'declined'
  /** A phone that wants its holder to unlock it first. */
  | 'phone-locked'
  /** The terminal has no valid key of the card's scheme under the number that the card names: it cannot judge the card. */
  | 'no-authority-key'
  /** A signature, a certificate, or two statements of the card that must agree do not hold. */
  | 'not-genuine'
  /** A certificate of the card, or the card itself, is over. */
  | 'expired'
  | 'not-yet-valid';

/** A card that proved to be genuine and is valid. */
export interface KernelCard {
  readonly scheme: Scheme;
  readonly tokenId: string;
  /** Its token under the key before, while a rotation runs. */
  readonly formerTokenId?: string;
  /** Payment account reference, 29 characters. `proven`: a signature covers it. */
  readonly par?: { readonly value: string; readonly proven: boolean };
  readonly oda: 'cda' | 'fdda';
  readonly validFromMs: number;
  /** Exclusive; never later than the card's own certificate. */
  readonly validUntilMs: number;
  /** Languages that the holder prefers (5F2D), two letters each, best first. Not covered by a signature. */
  readonly languages: readonly string[];
  /** What the authorisation needs, sealed. */
  readonly authorisation: { readonly keyId: string; readonly sealed: Buffer };
}

export type KernelResult =
  /** No bank card: there is no payment directory on it. */
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'refused'; readonly why: KernelRefusal }
  | { readonly outcome: 'genuine'; readonly card: KernelCard };

export interface EmvKernel {
  /** One transaction with the card in the field. Never rejects for what a card does. */
  read(talk: Pick<Conversation, 'send'>, request: KernelRequest): Promise<KernelResult>;
}
