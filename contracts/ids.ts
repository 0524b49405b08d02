/**
 * Identifiers as they appear on the wire. All are opaque: nothing may be read out of their text.
 */
import { Type } from 'typebox';

/** A device: also its MQTT client id and a topic level, so neither `/`, `+`, `#` nor `$` can occur. */
export const DeviceId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{1,62}$' });

/** A journal epoch: 128 random bits in hex, drawn anew each time a device starts a new journal. */
export const EpochId = Type.String({ pattern: '^[0-9a-f]{32}$' });

/** A boot of a device: 128 random bits in hex; monotonic times compare only within one boot. */
export const BootId = Type.String({ pattern: '^[0-9a-f]{32}$' });

/** Names one question for the city's time; never used twice by one device. */
export const TimeNonce = Type.String({ pattern: '^[0-9a-f]{32}$' });

/** Position of a record in its epoch, from 1, without gaps. */
export const Seq = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

/** SHA-256 in lower-case hex. */
export const Sha256Hex = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** Ed25519 signature, base64url without padding (64 bytes → 86 characters). */
export const Signature = Type.String({ pattern: '^[A-Za-z0-9_-]{86}$' });

/**
 * Token of a fare medium: `<key version>.<128 bits in hex>`. It stands for the card without being its number;
 * the key version lets a city rotate the token key without losing accounts (PCI DSS 4.0.1, 3.5.1.1).
 */
export const TokenId = Type.String({ pattern: '^k[0-9]{1,4}\\.[0-9a-f]{32}$' });

/** Payment account reference (EMV tag 9F24): names a payment account, and is no card number. */
export const Par = Type.String({ pattern: '^[0-9A-Z]{29}$' });

/** Names a public key of the acquirer, under which authorisation data was sealed. */
export const AcquirerKeyId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,31}$' });

/** An identifier of the feed or of the city's data (GTFS "ID": any UTF-8; ours are bounded and printable). */
export const FeedId = Type.String({ minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });

/** Instant: milliseconds since 1970-01-01T00:00:00Z. Any finite value is allowed: clocks are wrong sometimes. */
export const InstantMs = Type.Integer({ minimum: -8.64e15, maximum: 8.64e15 });

/** One record's name for people and tables: `<device>.<epoch>.<seq>`. A tap's id is its record's id. */
export function recordId(deviceId: string, epoch: string, seq: number | bigint): string {
  return `${deviceId}.${epoch}.${seq}`;
}

const RECORD_ID = /^([a-z0-9][a-z0-9-]{1,62})\.([0-9a-f]{32})\.([1-9][0-9]{0,15})$/;

/** Splits a record id; `undefined` when the text is not one. */
export function parseRecordId(text: string): { deviceId: string; epoch: string; seq: number } | undefined {
  const match = RECORD_ID.exec(text);
  if (!match) return undefined;
  const [, deviceId, epoch, seq] = match as unknown as [string, string, string, string];
  return { deviceId, epoch, seq: Number(seq) };
}
