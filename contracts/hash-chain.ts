/**
 * Hashes and signatures of the wire language: what exactly is hashed, and what exactly is signed.
 *
 * Signatures are Ed25519 (RFC 8032) over a domain line followed by the exact bytes, so that a signature made for
 * one purpose can never be shown for another.
 */
import { hash, type KeyObject, sign, verify } from 'node:crypto';

/** SHA-256 of bytes in lower-case hex. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return hash('sha256', bytes, 'hex');
}

/** Head of a journal: the hash of the record at `seq`, which stands for all records of the epoch up to it. */
export interface JournalHead {
  readonly deviceId: string;
  readonly epoch: string;
  readonly seq: number;
  readonly hash: string;
}

/** The bytes that a device signs for a head. */
export function headMessage(head: JournalHead): Buffer {
  return Buffer.from(`kvytok head v1\n${head.deviceId}\n${head.epoch}\n${head.seq}\n${head.hash}\n`, 'utf8');
}

/**
 * Name of the branch under which a record is taken in when other bytes already stand under its number: a journal was
 * copied, and both copies went on. It takes the place of the epoch, so that the record has a key of its own. Derived
 * from the record alone: the same bytes always give the same name, in whatever order the copies are heard.
 */
export function branchOf(head: JournalHead): string {
  const { deviceId, epoch, seq, hash } = head;
  return sha256Hex(`kvytok branch v1\n${deviceId}\n${epoch}\n${seq}\n${hash}\n`).slice(0, 32);
}

/** The bytes that are signed for a {@link import('./signed-envelope.ts').SignedEnvelope}. */
export function envelopeMessage(type: string, payload: string): Buffer {
  return Buffer.from(`kvytok ${type} v1\n${payload}`, 'utf8');
}

/** Signs with an Ed25519 private key; base64url without padding. About 0.05 ms. */
export function signBytes(message: Uint8Array, privateKey: KeyObject): string {
  return sign(null, message, privateKey).toString('base64url');
}

/** Checks an Ed25519 signature; false for anything that is not one. About 0.15 ms. */
export function verifyBytes(message: Uint8Array, signature: string, publicKey: KeyObject): boolean {
  if (!/^[A-Za-z0-9_-]{86}$/.test(signature)) return false;
  const bytes = Buffer.from(signature, 'base64url');
  // Base64 leaves spare bits in the last character: only one spelling of a signature is taken.
  if (bytes.toString('base64url') !== signature) return false;
  return verify(null, message, publicKey, bytes);
}
