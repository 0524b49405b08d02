/**
 * The port for signatures under acts and claims. `verify` is handed what was signed, the signature with the evidence that it carries,
 * and the signatory's key or certificate; it must not ask the network, for it is called while the books are locked. Here stands the
 * scheme for development, which says that it is not qualified; that for officers' own tools is `adapters/cades-scheme.ts`.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { SettlementRefusal } from './refusals.ts';

export type SignatureVerdict =
  /** `qualified`: the law counts it as a signature by hand (КЕП, law 2155-VIII). */
  | { readonly ok: true; readonly qualified: boolean }
  | { readonly ok: false; readonly reason: SettlementRefusal; readonly detail: string };

export interface SignatureScheme {
  readonly name: string;
  /** Why a text is no key of this scheme; `null` = it is one. */
  keyFault(publicKey: string): 'SIGNER_KEY_INVALID' | 'SIGNER_KEY_UNSUPPORTED' | null;
  /** Judges a signature (base64) over a statement at an instant. Never throws. */
  verify(statement: string, signature: string, publicKey: string, atMs: number): SignatureVerdict;
}

/** Ed25519, keys as SPKI in PEM. Not qualified: it proves who holds a key, not who a person is. */
export const ED25519_DEVELOPMENT: SignatureScheme = {
  name: 'ed25519-development',
  keyFault: (publicKey) => (keyOf(publicKey) === null ? 'SIGNER_KEY_INVALID' : null),
  verify: (statement, signature, publicKey) => {
    const key = keyOf(publicKey);
    const bytes = Buffer.from(signature, 'base64');
    const holds =
      key !== null && bytes.length === 64 && verify(null, Buffer.from(statement, 'utf8'), key, bytes);
    return holds ? { ok: true, qualified: false } : { ok: false, reason: 'SIGNATURE_INVALID', detail: '' };
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

/** What a side does with a version of a claim. */
export type ClaimAct =
  | { readonly act: 'submit' | 'agree' }
  | {
      readonly act: 'object';
      readonly lineId?: string | undefined;
      readonly tapRef?: string | undefined;
      readonly reason: string;
      readonly words: string;
    }
  | {
      readonly act: 'answer';
      readonly objectionId: string;
      readonly accepted: boolean;
      readonly words: string;
      readonly remedy?: string | undefined;
      readonly correctionMinor?: string | undefined;
    };

/** What is signed of a claim: the version's hash, as which side, and what is said of it. The exact text. */
export function claimStatement(
  of: { readonly claimId: string; readonly version: number; readonly sha256: string; readonly side: ActSide },
  said: ClaimAct,
): string {
  const words =
    said.act === 'object'
      ? [said.lineId ?? null, said.tapRef ?? null, said.reason, said.words]
      : said.act === 'answer'
        ? [said.objectionId, said.accepted, said.words, said.remedy ?? null, said.correctionMinor ?? null]
        : [];
  return `kvytok compensation claim v1\n${of.sha256}\n${of.claimId} ${of.version}\n${said.act} as ${of.side}\n${JSON.stringify(words)}\n`;
}
