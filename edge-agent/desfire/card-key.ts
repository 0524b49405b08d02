/**
 * What the protocol asks of whoever holds the keys. A key opens a handshake, a handshake ends in a channel, and the
 * channel protects commands and opens answers: at no place does a key or session key have to come out, so that software
 * and a SAM (secure access module) fit the same shape.
 */

/** How bytes go over the air: as they are, with a MAC, or encrypted with a MAC (in EV1: with a CRC). */
export type CommMode = 'plain' | 'mac' | 'full';

/**
 * `ev2-first` begins a transaction, `ev2-non-first` changes the key within it, `ev1` is AuthenticateAES; `iso-des` is
 * AuthenticateISO with the DES key of the factory (factory-key.ts).
 */
export type HandshakeKind = 'ev2-first' | 'ev2-non-first' | 'ev1' | 'iso-des';

/** Software answers at once, a SAM after an exchange of its own. */
export type Eventually<T> = T | Promise<T>;

/** One version of one key, diversified for one card where it is. */
export interface CardKey {
  /**
   * Begins a handshake under this key with the card's key of this number.
   * @param within the channel whose transaction goes on; given for `ev2-non-first` alone.
   */
  begin(kind: HandshakeKind, keyNo: number, within?: SecureChannel): Handshake;
}

/** A handshake of three passes. Each step is taken once, in order. */
export interface Handshake {
  /** The card's encrypted challenge, a block, in; what is sent back, two blocks, out. */
  answer(challenge: Uint8Array): Eventually<Uint8Array>;
  /** The card's last bytes in. `undefined`: the card did not prove that it has the key. */
  finish(proof: Uint8Array): Eventually<SecureChannel | undefined>;
}

/** A command as the channel sees it. */
export interface ChannelCommand {
  readonly ins: number;
  /** Parameters that are never encrypted. */
  readonly header: Uint8Array;
  /** What mode `full` encrypts. */
  readonly data: Uint8Array;
  readonly mode: CommMode;
  /** EV1: whether the command's MAC is sent, or only moves the chain. */
  readonly macSent: boolean;
}

/** How an answer is opened. */
export interface AnswerForm {
  readonly mode: CommMode;
  /** Bytes of data that the answer has; `any` where only the card knows. */
  readonly bytes: number | 'any';
}

/** Change of a key through the channel. */
export interface KeyChange {
  readonly ins: number;
  /** Key number, or key set and key number: what stands before the encrypted part. */
  readonly header: Uint8Array;
  readonly newKey: CardKey;
  readonly newVersion: number;
  /** The key that is replaced; `undefined` when it is the key that was authenticated with. */
  readonly oldKey?: CardKey | undefined;
}

/** What the card told of itself and got told of us in an EV2 handshake. */
export interface Capabilities {
  readonly card: Uint8Array;
  readonly reader: Uint8Array;
}

/** An authenticated session. Commands and answers strictly alternate; after `undefined` it must not be used again. */
export interface SecureChannel {
  readonly kind: 'ev1' | 'ev2';
  readonly keyNo: number;
  /** After `ev2-first`. */
  readonly capabilities?: Capabilities | undefined;
  /** The bytes that follow the instruction. */
  protect(command: ChannelCommand): Eventually<Uint8Array>;
  /** As `protect`, for the encrypted change of a key. */
  protectKeyChange(change: KeyChange): Eventually<Uint8Array>;
  /**
   * The data of a whole answer (all frames joined, status 00), verified. `undefined`: it is not what the card sent, or
   * not in this form.
   */
  open(answer: Uint8Array, form: AnswerForm): Eventually<Buffer | undefined>;
  /** Wipes what is secret. Nothing works afterwards. */
  end(): Eventually<void>;
}
