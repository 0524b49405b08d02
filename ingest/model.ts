/**
 * The words of ingest: what arrives, who is known, what becomes of it.
 */
import type { KeyObject } from 'node:crypto';
import type { FlagCode, RejectionCode } from '#contracts/reason-codes.ts';
import type { Alive } from './alive.ts';

/** A payload as MQTT handed it over. */
export interface Arrival {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** City time of the arrival, UTC ms. */
  readonly receivedAtMs: number;
}

/** A registered public key of a device. */
export interface DeviceKey {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  /** From this instant on nothing signed by it is taken; `null` while it stands. */
  readonly revokedFromMs: number | null;
}

/** The keys of a device; empty when it is unknown. */
export type KeysOf = (deviceId: string) => readonly DeviceKey[];

/** A record that is to be inserted. */
export interface AcceptedRecord {
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: number;
  readonly kind: string;
  /** SHA-256 in hex of the record before it, and of its own bytes. */
  readonly prev: string;
  readonly hash: string;
  /** The exact bytes, as text. */
  readonly text: string;
  readonly flags: readonly FlagCode[];
  readonly receivedAtMs: number;
  /** Key whose signature proved it; null for a record that was proven earlier and comes out of quarantine. */
  readonly keyId: string | null;
  /** When its journal was in use by its evidence. */
  readonly alive: Alive | null;
}

/** What is kept aside, with the reason. */
export interface QuarantinedItem {
  /** By the topic, hence proven to the broker; `null` when the topic names none. */
  readonly deviceId: string | null;
  readonly epoch: string | null;
  readonly seq: number | null;
  readonly reason: RejectionCode;
  /** For operators, bounded, never with a token in it. */
  readonly detail: string;
  readonly hash: string;
  readonly payload: Uint8Array;
  /** A record out of a batch whose signature held. It gets a receipt; an unproven payload gets none. */
  readonly authentic: boolean;
  readonly receivedAtMs: number;
}

/** What became of one batch. Every byte of it is in one of the two lists. */
export interface BatchVerdict {
  readonly accepted: readonly AcceptedRecord[];
  readonly quarantined: readonly QuarantinedItem[];
}

/** Longest `detail` in characters. */
export const DETAIL_CHARS_MAX = 300;
