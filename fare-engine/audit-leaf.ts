/**
 * Leaves of the audit log: exact bytes written in the transaction of what they witness, unsequenced. A sequencer numbers
 * committed leaves afterwards; these bytes are what it hashes, so they are never serialised again.
 */
import { sha256Hex } from '#contracts/hash-chain.ts';
import type { Decision } from './ledger/decision.ts';
import type { Posting } from './ledger/post-line.ts';
import type { AuditLeaf } from './ports.ts';

/**
 * What a decision said and moved. The steps stand in by their hash; their exact text is in the decision.
 * @param salt where the leaf's hash is shown to people who must not guess its bytes
 */
export function decisionLeaf(decision: Decision, postings: readonly Posting[], salt?: string): AuditLeaf {
  const { line } = decision;
  const bytes = JSON.stringify({
    v: 1,
    kind: 'decision',
    tapId: decision.tapId,
    revision: decision.revision,
    supersedes: decision.supersedes,
    accountId: decision.accountId,
    accountVersion: decision.accountVersion.toString(),
    fareDay: decision.fareDay,
    line: decision.lineSha256,
    steps: sha256Hex(decision.steps),
    package: line?.packageHash ?? null,
    gross: (line?.grossMinor ?? 0n).toString(),
    rider: decision.riderMinor.toString(),
    concession: decision.concessionMinor.toString(),
    loss: decision.lossMinor.toString(),
    currency: decision.currency,
    adjustsClose: decision.adjustsClose,
    decidedAtMs: decision.decidedAtMs,
    postings: postings.map((posting) => [
      posting.postingId.slice(decision.tapId.length),
      posting.debitAccount,
      posting.creditAccount,
      posting.amountMinor.toString(),
    ]),
    ...(salt === undefined ? {} : { salt }),
  });
  return { kind: 'decision', ref: `${decision.tapId}#${decision.revision}`, bytes };
}

/** A command that was obeyed, with what it posted: entitlements, links, credits, closes and the rest. */
export function commandLeaf(
  command: {
    commandId: string;
    kind: string;
    submittedBy: string;
    knownFromMs: number;
    inputs: unknown;
  },
  postings: readonly Posting[],
): AuditLeaf {
  const posted = postings.map((posting) => [
    posting.postingId,
    posting.debitAccount,
    posting.creditAccount,
    posting.amountMinor.toString(),
    posting.currency,
  ]);
  const bytes = JSON.stringify({ v: 1, ...command, ...(posted.length === 0 ? {} : { postings: posted }) });
  return { kind: 'command', ref: command.commandId, bytes };
}

/** A month was settled: the hashes of the acts that stand for it. What it posted stands in the command's leaf. */
export function settlementLeaf(
  settlement: { period: string; who: string; packageHash: string | null; knownFromMs: number },
  acts: readonly { carrierId: string; sha256: string }[],
): AuditLeaf {
  const hashes = acts.map(({ carrierId, sha256 }) => [carrierId, sha256]);
  const bytes = JSON.stringify({ v: 1, kind: 'settlement', ...settlement, acts: hashes });
  return { kind: 'settlement', ref: settlement.period, bytes };
}

/** A version of a compensation claim: the hash of its bytes. */
export function claimLeaf(claim: {
  claimId: string;
  version: number;
  sha256: string;
  who: string;
  knownFromMs: number;
}): AuditLeaf {
  const bytes = JSON.stringify({ v: 1, kind: 'claim', ...claim });
  return { kind: 'claim', ref: `${claim.claimId}#${claim.version}`, bytes };
}

/** A tariff package that counts from now on. */
export function activationLeaf(activation: {
  packageHash: string;
  versionId: string;
  validFromMs: number;
  validUntilMs: number | null;
  knownFromMs: number;
  /** What the officers signed, as it is: anybody with their public keys can check it. */
  statements: readonly string[];
}): AuditLeaf {
  const bytes = JSON.stringify({ v: 1, kind: 'tariff-activation', ...activation });
  return { kind: 'tariff-activation', ref: activation.packageHash, bytes };
}

/** A tariff package that was taken back before its date. */
export function withdrawalLeaf(withdrawal: {
  packageHash: string;
  versionId: string;
  validFromMs: number;
  knownFromMs: number;
  statements: readonly string[];
}): AuditLeaf {
  const bytes = JSON.stringify({ v: 1, kind: 'tariff-withdrawal', ...withdrawal });
  return { kind: 'tariff-withdrawal', ref: withdrawal.packageHash, bytes };
}

/** The log goes on after a restore, under another origin: what had been signed when the backup was made. */
export function lifeLeaf(life: {
  ordinal: number;
  begunAtMs: number;
  before: { origin: string; size: number; root: string } | null;
}): AuditLeaf {
  const bytes = JSON.stringify({ v: 1, kind: 'audit-life', ...life });
  return { kind: 'audit-life', ref: String(life.ordinal), bytes };
}
