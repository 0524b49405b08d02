/** Refusals that no month of an honest database brings about. */
import { expect, test } from 'vitest';
import { type Drafting, obeyClaim } from '../../../fare-engine/claim-commands.ts';
import type { Desk } from '../../../fare-engine/commands.ts';
import { exportClaim } from '../../../fare-engine/export-claim.ts';
import { nameSigner } from '../../../fare-engine/settle-commands.ts';
import { judgeSignature } from '../../../fare-engine/settlement/judge-signature.ts';
import type { SignatureScheme } from '../../../fare-engine/settlement/signature-schemes.ts';
import { claimsOf, RULE, ride } from '../support/claim-bundle.ts';

const NAMING = { commandId: '00000000-0000-4000-8000-000000000001', knownFromMs: 1000 };
const DSTU: SignatureScheme = {
  name: 'dstu',
  keyFault: () => 'SIGNER_KEY_UNSUPPORTED',
  verify: () => ({ ok: false, reason: 'SIGNATURE_UNSUPPORTED', detail: 'DSTU 4145' }),
};
const signer = {
  ...{
    signerId: 's',
    side: 'department' as const,
    carrierId: null,
    name: 'О. Бойко',
    scheme: 'dstu',
    publicKey: 'k',
  },
  ...{ validFromMs: 0, validUntilMs: 2000, knownFromMs: 0 },
};

/** A desk where nothing was written yet. */
function deskWith(context: object): Desk {
  return {
    context: { nowMs: 1000, ...context },
    writes: { claims: [], leaves: [], signers: [], signatures: [] },
  } as unknown as Desk;
}

test('claims that the ledger does not confirm are not drafted, and both sums are named', () => {
  const { claims } = claimsOf([ride(1)], [RULE]);
  const drafting = (minor: bigint): Drafting => ({
    ...{ settled: true, last: null, first: '2025-10', claims, leftOut: [], carried: [] },
    ledger: [{ carrierId: 'tet', fundingId: 'city', currency: 'UAH', minor }],
  });
  const draft = (minor: bigint) => {
    const desk = deskWith({ claims: { city: 'test', drafting: drafting(minor), kept: new Map() } });
    return [
      obeyClaim('draft-claims', { period: '2025-10', by: 'О. Бойко' }, NAMING, desk),
      desk.writes.claims.length,
    ];
  };
  expect(draft(1201n)).toEqual([null, 3]);
  expect(draft(1202n)).toEqual([
    { reason: 'CLAIM_DIFFERS_FROM_LEDGER', detail: 'tet city UAH: decisions 1201, ledger 1202' },
    0,
  ]);
});

test('a signature counts by a scheme that is set up, and while its signer is named', () => {
  const desk = (schemes: SignatureScheme[], nowMs = 1000) =>
    deskWith({ nowMs, settlement: { signers: [signer], terms: { schemes } } });
  const signing = {
    statement: 'x',
    signerId: 's',
    signature: 'AA==',
    side: 'department' as const,
    carrierId: 'tet',
  };
  const judged = (on: Desk) => {
    const found = judgeSignature(signing, on);
    return found.ok ? 'holds' : found.refusal;
  };
  expect(judged(desk([DSTU]))).toEqual({ reason: 'SIGNATURE_UNSUPPORTED', detail: 'О. Бойко: DSTU 4145' });
  expect(judged(desk([]))).toEqual({ reason: 'SIGNER_SCHEME_UNKNOWN', detail: 'dstu' });
  expect(judged(desk([DSTU], 1999))).toMatchObject({ reason: 'SIGNATURE_UNSUPPORTED' });
  expect(judged(desk([DSTU], 2000))).toEqual({ reason: 'SIGNER_UNKNOWN', detail: 's' });
  const naming = { ...signer, who: 'О. Бойко', carrierId: undefined, validUntilMs: null };
  expect(nameSigner(naming as never, NAMING, desk([DSTU]))).toEqual({
    reason: 'SIGNER_KEY_UNSUPPORTED',
    detail: 'dstu',
  });
  expect(nameSigner({ ...naming, scheme: 'other' } as never, NAMING, desk([DSTU]))).toMatchObject({
    reason: 'SIGNER_SCHEME_UNKNOWN',
  });
  expect(nameSigner({ ...naming, carrierId: 'tet' } as never, NAMING, desk([DSTU]))).toMatchObject({
    reason: 'COMMAND_MALFORMED',
  });
});

test('a claim of more taps than a bundle takes is told so before anything is read', async () => {
  const asked: string[] = [];
  const client = {
    query: async (text: string) => {
      asked.push(text);
      const row = { claimId: 'c', version: 1, bytes: '', taps: 10_000_001 };
      return { rows: text.includes('published_claim p') ? [row] : [] };
    },
    release: () => {},
  };
  const pool = { ...client, connect: async () => client };
  const never = async () => {
    throw new Error('nothing may be written');
  };
  const ask = { period: '2025-10', carrierId: 'tet', fundingId: 'city' };
  await expect(exportClaim(pool, ask, 'Europe/Kyiv', { rows: never, end: never })).rejects.toMatchObject({
    code: 'CLAIM_TOO_LARGE',
  });
  expect(asked.some((text) => text.includes('audit_leaf'))).toBe(false);
});
