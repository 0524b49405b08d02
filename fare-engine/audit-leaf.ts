/**
 * Leaves of the audit log: exact bytes written in the transaction of what they witness, unsequenced. A sequencer numbers
 * committed leaves afterwards; these bytes are what it hashes, so they are never serialised again.
 */
import { createHash } from 'node:crypto';
import type { Decision } from './ledger/decision.ts';
import type { Posting } from './ledger/post-line.ts';
import type { AuditLeaf } from './ports.ts';

/** What a decision said and moved. The steps stand in by their hash; their exact text is in the decision. */
export function decisionLeaf(decision: Decision, postings: readonly Posting[]): AuditLeaf {
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
    steps: createHash('sha256').update(decision.steps).digest('hex'),
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
  });
  return { kind: 'decision', ref: `${decision.tapId}#${decision.revision}`, bytes };
}

/** A command that was obeyed. */
export function commandLeaf(command: {
  commandId: string;
  kind: string;
  submittedBy: string;
  knownFromMs: number;
  inputs: unknown;
}): AuditLeaf {
  return { kind: 'command', ref: command.commandId, bytes: JSON.stringify({ v: 1, ...command }) };
}
