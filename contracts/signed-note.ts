/**
 * Signed notes: a text with signature lines, as transparency logs publish their checkpoints. Ed25519 for the log
 * itself (type 0x01), timestamped cosignatures for witnesses (type 0x04); signatures of unknown keys are passed over.
 *
 * @see https://c2sp.org/signed-note
 * @see https://c2sp.org/tlog-cosignature
 */
import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { type Parsed, refuse } from './parse.ts';

/** Largest note in bytes, and most signature lines on one. */
export const NOTE_BYTES_MAX = 64 * 1024;
export const NOTE_SIGNATURES_MAX = 64;

const ED25519 = 0x01;
const COSIGNATURE = 0x04;

/** What a key may sign: the log's own checkpoints, or what a witness has seen. */
export type NoteKeyUse = 'log' | 'witness';

/** A public key by which notes are checked. */
export interface NoteVerifier {
  /** Of a log: its origin. */
  readonly name: string;
  readonly use: NoteKeyUse;
  /** First four bytes of the hash over name, type and key, hex. */
  readonly keyId: string;
  readonly publicKey: KeyObject;
}

/** A private key that signs notes. */
export interface NoteSigner {
  readonly name: string;
  readonly privateKey: KeyObject;
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: string;
  /** What follows the key id. */
  readonly bytes: Buffer;
}

/** A note taken apart; nothing is proven yet. */
export interface Note {
  /** The signed text, with its last line feed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const TYPES = { log: ED25519, witness: COSIGNATURE } as const;

/** The verifier of a key. */
export function noteVerifier(name: string, use: NoteKeyUse, key: KeyObject): NoteVerifier {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const keyId = keyIdOf(name, TYPES[use], rawKey(publicKey));
  return { name, use, keyId, publicKey };
}

/** `name+id+base64(type, key)`: how a public key is handed to people. */
export function formatVerifier({ name, use, keyId, publicKey }: NoteVerifier): string {
  const key = Buffer.concat([Buffer.of(TYPES[use]), rawKey(publicKey)]).toString('base64');
  return `${name}+${keyId}+${key}`;
}

/** Reads what {@link formatVerifier} writes. */
export function parseVerifier(text: string): Parsed<NoteVerifier> {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/u.exec(text);
  const [, name = '', id = '', encoded = ''] = match ?? [];
  const key = decodeBase64(encoded);
  if (match === null || !isKeyName(name) || key === null)
    return refuse('not a key of the form name+id+base64');
  const use = key[0] === ED25519 ? 'log' : key[0] === COSIGNATURE ? 'witness' : null;
  if (use === null || key.byteLength !== 33) return refuse('not an Ed25519 key of a log or a witness');
  const raw = key.subarray(1);
  if (keyIdOf(name, TYPES[use], raw) !== id) return refuse('the id does not belong to this name and key');
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' });
  return { ok: true, value: { name, use, keyId: id, publicKey } };
}

/** Takes a note apart, strictly: bounds, characters, form. */
export function parseNote(note: string): Parsed<Note> {
  if (Buffer.byteLength(note, 'utf8') > NOTE_BYTES_MAX)
    return refuse(`a note has at most ${NOTE_BYTES_MAX} bytes`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a note must not contain
  if (/[\u0000-\u0009\u000b-\u001f\ufffd]/u.test(note)) return refuse('a character that no note contains');
  const cut = note.lastIndexOf('\n\n');
  if (cut === -1 || !note.endsWith('\n')) return refuse('no empty line before the signatures');
  const lines = note.slice(cut + 2, -1).split('\n');
  if (lines.length > NOTE_SIGNATURES_MAX) return refuse(`more than ${NOTE_SIGNATURES_MAX} signatures`);
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const [, name = '', encoded = ''] = /^— ([^ ]+) ([^ ]+)$/u.exec(line) ?? [];
    const bytes = decodeBase64(encoded);
    if (!isKeyName(name) || bytes === null || bytes.byteLength < 5)
      return refuse('a malformed signature line');
    signatures.push({ name, keyId: bytes.subarray(0, 4).toString('hex'), bytes: bytes.subarray(4) });
  }
  return { ok: true, value: { text: note.slice(0, cut + 1), signatures } };
}

/** The signature line of a log's key, with its line feed. */
export function signNote(text: string, { name, privateKey }: NoteSigner): string {
  const { keyId } = noteVerifier(name, 'log', privateKey);
  return signatureLine(name, keyId, sign(null, Buffer.from(text, 'utf8'), privateKey));
}

/** The cosignature line of a witness: what it has seen, and when. @param atS seconds of the Unix epoch, whole */
export function cosignNote(text: string, { name, privateKey }: NoteSigner, atS: number): string {
  const { keyId } = noteVerifier(name, 'witness', privateKey);
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(atS));
  const signature = sign(null, cosigned(text, atS), privateKey);
  return signatureLine(name, keyId, Buffer.concat([time, signature]));
}

/** A signature that holds. */
export interface HeldSignature {
  readonly verifier: NoteVerifier;
  /** Of a cosignature: when the witness says it saw the note, seconds. */
  readonly atS: number | null;
}

/**
 * Which of these keys have signed the note. One broken signature under a known key spoils the whole note; those of
 * unknown keys are passed over, and a key counts once however often it signed.
 */
export function verifyNote(note: Note, verifiers: readonly NoteVerifier[]): Parsed<readonly HeldSignature[]> {
  const held = new Map<NoteVerifier, HeldSignature>();
  for (const signature of note.signatures) {
    const verifier = verifiers.find((v) => v.name === signature.name && v.keyId === signature.keyId);
    if (verifier === undefined) continue;
    const atS = holds(note.text, signature.bytes, verifier);
    if (atS === false) return refuse(`the signature of ${verifier.name} does not hold`);
    if (!held.has(verifier)) held.set(verifier, { verifier, atS });
  }
  return { ok: true, value: [...held.values()] };
}

function holds(text: string, bytes: Buffer, { use, publicKey }: NoteVerifier): number | null | false {
  if (use === 'log') return verify(null, Buffer.from(text, 'utf8'), publicKey, bytes) ? null : false;
  if (bytes.byteLength !== 72) return false;
  const atS = Number(bytes.readBigUInt64BE());
  if (!Number.isSafeInteger(atS)) return false;
  return verify(null, cosigned(text, atS), publicKey, bytes.subarray(8)) ? atS : false;
}

function cosigned(text: string, atS: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${atS}\n${text}`, 'utf8');
}

function signatureLine(name: string, keyId: string, signature: Uint8Array): string {
  return `— ${name} ${Buffer.concat([Buffer.from(keyId, 'hex'), signature]).toString('base64')}\n`;
}

/** Whether a key may bear this name. Names stand in lines and in keys: no space of any kind, no plus. */
export function isKeyName(name: string): boolean {
  return name.length > 0 && name.length <= 255 && !/[+\p{White_Space}]/u.test(name);
}

function keyIdOf(name: string, type: number, raw: Uint8Array): string {
  const hash = createHash('sha256').update(`${name}\n`, 'utf8').update(Buffer.of(type)).update(raw);
  return hash.digest().subarray(0, 4).toString('hex');
}

function rawKey(publicKey: KeyObject): Buffer {
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new TypeError('notes are signed with Ed25519');
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI.byteLength);
}

/** Standard base64 in its one spelling; `null` for anything else. */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return text.length > 0 && bytes.toString('base64') === text ? bytes : null;
}
