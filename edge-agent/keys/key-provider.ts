/**
 * Where the reader's secrets are. What is asked for is an operation, never a key: the software adapter holds keys in
 * memory, a SAM (secure access module) does not give them away, and whoever uses this port cannot tell.
 *
 * A key has a name and versions. While a key rotates two versions live: new cards and tokens are made under the newest,
 * what was made under the one before is still understood.
 */
import type { CardKey, HandshakeKind } from '../desfire/card-key.ts';

/** Names of keys that the edge uses. A city may have others, for cards of other issuers. */
export const KEY_NAMES = {
  /** Token of a medium's number. */
  token: 'token',
  /** Token of a bank card's number. */
  panToken: 'pan-token',
  /** Keys on cards of layout 2 (docs/CARD-LAYOUT.md), by what they open. */
  desfirePicc: 'desfire-picc',
  desfireMaster: 'desfire-master',
  desfireRead: 'desfire-read',
  desfireLog: 'desfire-log',
  desfireUid: 'desfire-uid',
  desfireHint: 'desfire-hint',
} as const;

/** Most versions of one key that live at a time. */
export const LIVE_VERSIONS_MAX = 2;

/** A key, or a version of it, that this provider does not have. A caller asks `versions` first: this is a bug. */
export class UnknownKey extends Error {
  override name = 'UnknownKey';
}

/** The keys cannot be used now: a SAM is gone, or refuses. The validator is out of order for cards that need them. */
export class KeysUnavailable extends Error {
  override name = 'KeysUnavailable';
}

/** The reader's secrets. */
export interface KeyProvider {
  /** Live versions of a named key, newest (highest) first; at most {@link LIVE_VERSIONS_MAX}; none for an unknown name. */
  versions(name: string): readonly number[];
  /** Handshakes that card keys of this provider can make. */
  readonly handshakes: ReadonlySet<HandshakeKind>;
  /**
   * A version of a card key, diversified with 1 to 31 bytes (AN10922), or as it is with `null`.
   * @throws UnknownKey; KeysUnavailable, also from what is done with the key.
   */
  cardKey(name: string, version: number, diversification: Uint8Array | null): Promise<CardKey>;
  /**
   * HMAC-SHA256 under a version of a token key.
   * @throws UnknownKey
   */
  tokenMac(name: string, version: number, message: Uint8Array): Promise<Uint8Array>;
}

/**
 * The token that stands for a number everywhere beyond the reader: `k` + version + `.` + the first 16 bytes of the MAC in
 * hex. `prefix` tells kinds of number apart, where there are several.
 */
export async function tokenOf(
  keys: KeyProvider,
  key: { readonly name: string; readonly version: number; readonly prefix?: string },
  message: Uint8Array,
): Promise<string> {
  const mac = await keys.tokenMac(key.name, key.version, message);
  return `${key.prefix ?? 'k'}${key.version}.${Buffer.from(mac).toString('hex', 0, 16)}`;
}

/**
 * Tokens of a medium number: under the newest key, and under the one before while it lives.
 * @throws RangeError when the provider has no token key: the loader has refused such a folder.
 */
export async function tokensOf(
  mediumId: Uint8Array,
  keys: KeyProvider,
): Promise<{ readonly tokenId: string; readonly formerTokenId?: string }> {
  const name = KEY_NAMES.token;
  const [version, former] = keys.versions(name);
  if (version === undefined) throw new RangeError('no token key');
  const tokenId = await tokenOf(keys, { name, version }, mediumId);
  if (former === undefined) return { tokenId };
  return { tokenId, formerTokenId: await tokenOf(keys, { name, version: former }, mediumId) };
}
