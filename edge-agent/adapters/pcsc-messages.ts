/**
 * What the reader process and its supervisor say to each other over the fork's channel (advanced serialisation, so
 * byte arrays travel as they are).
 */

/** From the supervisor. */
export type ToReader =
  /** Send these bytes to the card; the answer carries the same id. */
  | { readonly kind: 'transmit'; readonly id: number; readonly apdu: Uint8Array }
  /** The card has been answered: the next may come as soon as this one is gone. */
  | { readonly kind: 'done' };

/** From the reader process. */
export type FromReader =
  /** Readers that can be used now; none means that PC/SC runs but has no reader of ours. */
  | { readonly kind: 'readers'; readonly names: string[] }
  /** A card to read. None other is offered until this one is done and gone. */
  | { readonly kind: 'card'; readonly reader: string }
  | { readonly kind: 'answer'; readonly id: number; readonly bytes: Uint8Array }
  /** The card offered last has left the field. */
  | { readonly kind: 'removed' }
  /** Its event loop turns: sent each {@link HEARTBEAT_MS}. */
  | { readonly kind: 'alive' }
  /** It cannot go on and ends itself. `absent`: there is no PC/SC to talk to, and none was lost. */
  | { readonly kind: 'fault'; readonly absent: boolean; readonly why: string };

export const HEARTBEAT_MS = 1000;
