/** Whether somebody who was named for a side has signed a statement, now. */
import type { Desk, Refusal } from '../commands.ts';
import type { ActSigner } from '../settle-commands.ts';
import type { ActSide, SignatureScheme } from './signature-schemes.ts';

/** A statement, who is said to have signed it, and as what. */
export interface Signing {
  readonly statement: string;
  readonly signerId: string;
  /** Base64. */
  readonly signature: string;
  readonly side: ActSide;
  readonly carrierId: string;
}

export type JudgedSignature =
  | { readonly ok: true; readonly qualified: boolean }
  | { readonly ok: false; readonly refusal: NonNullable<Refusal> };

export function judgeSignature(signing: Signing, desk: Desk): JudgedSignature {
  const refuse = (reason: NonNullable<Refusal>['reason'], detail: string): JudgedSignature => ({
    ok: false,
    refusal: { reason, detail: detail.slice(0, 500) },
  });
  const { nowMs } = desk.context;
  const signer = signersOf(desk).find((known) => known.signerId === signing.signerId);
  if (signer === undefined || !maySign(signer, signing, nowMs))
    return refuse('SIGNER_UNKNOWN', signing.signerId);
  const scheme = schemeOf(signer.scheme, desk);
  if (scheme === undefined) return refuse('SIGNER_SCHEME_UNKNOWN', signer.scheme);
  const verdict = scheme.verify(signing.statement, signing.signature, signer.publicKey, nowMs);
  if (verdict.ok) return verdict;
  return refuse(verdict.reason, [`${signer.name}`, verdict.detail].filter(Boolean).join(': '));
}

function maySign(signer: ActSigner, { side, carrierId }: Signing, nowMs: number): boolean {
  if (signer.side !== side || (side === 'carrier' && signer.carrierId !== carrierId)) return false;
  return signer.validFromMs <= nowMs && (signer.validUntilMs === null || nowMs < signer.validUntilMs);
}

/** Everybody who was named, also just now. */
export function signersOf(desk: Desk): readonly ActSigner[] {
  return [...(desk.context.settlement?.signers ?? []), ...desk.writes.signers];
}

export function schemeOf(name: string, desk: Desk): SignatureScheme | undefined {
  return desk.context.settlement?.terms.schemes.find((scheme) => scheme.name === name);
}
