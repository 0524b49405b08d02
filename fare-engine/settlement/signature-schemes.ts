/**
 * The port for signatures under acts. A qualified electronic signature (КЕП, law 2155-VIII) is a scheme of its own: its
 * `verify` is handed the container with the evidence of its certificate, and must not ask the network, for it is called while
 * the books are locked. Here stands the one for development, which says that it is not qualified.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';

export interface SignatureScheme {
  readonly name: string;
  /** Whether the law counts it as a signature by hand. */
  readonly qualified: boolean;
  /** Whether a public key is one of this scheme. */
  isKey(publicKey: string): boolean;
  /** Whether a signature (base64) over a statement is that of the key. Never throws. */
  verify(statement: string, signature: string, publicKey: string): boolean;
}

/** Ed25519, keys as SPKI in PEM. Not qualified: it proves who holds a key, not who a person is. */
export const ED25519_DEVELOPMENT: SignatureScheme = {
  name: 'ed25519-development',
  qualified: false,
  isKey: (publicKey) => keyOf(publicKey) !== null,
  verify: (statement, signature, publicKey) => {
    const key = keyOf(publicKey);
    const bytes = Buffer.from(signature, 'base64');
    return key !== null && bytes.length === 64 && verify(null, Buffer.from(statement, 'utf8'), key, bytes);
  },
};

function keyOf(pem: string): KeyObject | null {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : null;
  } catch {
    return null;
  }
}

/** Sides of an act. */
export type ActSide = 'department' | 'carrier';

/** What is signed: the act's hash, by whom as what, and whether with objections. The exact text. */
export function actStatement(signing: {
  readonly period: string;
  readonly carrierId: string;
  /** Hex. */
  readonly actSha256: string;
  readonly side: ActSide;
  readonly objections: boolean;
  readonly note?: string | undefined;
}): string {
  const { period, carrierId, actSha256, side, objections, note } = signing;
  const words = objections ? `with objections ${JSON.stringify(note ?? '')}` : 'without objections';
  return `kvytok settlement act v1\n${actSha256}\n${period} ${JSON.stringify(carrierId)}\nas ${side}\n${words}\n`;
}
