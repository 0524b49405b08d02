/** Commands about compensation claims: a month's claims are drafted, submitted, objected to, answered and agreed to. */
import { createHash } from 'node:crypto';
import { compareText } from '#pricing/file-problem.ts';
import { claimLeaf } from './audit-leaf.ts';
import { type ClaimText, claimBytes, firstVersion, nextVersion } from './claims/claim-text.ts';
import { type ClaimDraft, claimIdOf, type LeftOut } from './claims/model.ts';
import type { Payload } from './command-kinds.ts';
import type { Desk, Naming, Refusal } from './commands.ts';
import { judgeSignature } from './settlement/judge-signature.ts';
import { nextPeriod, parsePeriod, periodOfDay } from './settlement/period.ts';
import { type ActSide, type ClaimAct, claimStatement } from './settlement/signature-schemes.ts';

/** What has to be known before a command about claims is decided. */
export interface ClaimBooks {
  /** Of the city that claims are of. */
  readonly city: string;
  /** Where a command drafts a month. */
  readonly drafting: Drafting | null;
  /** Claims that commands name; kept up to date while several commands are decided. */
  readonly kept: Map<string, KeptClaim>;
}

/** A month that is to be drafted. */
export interface Drafting {
  readonly settled: boolean;
  /** Last month that was drafted; `null` = none. */
  readonly last: string | null;
  /** First month that was settled. */
  readonly first: string | null;
  readonly claims: readonly ClaimDraft[];
  readonly leftOut: readonly LeftOut[];
  /** What the ledger has for the same rides. */
  readonly ledger: readonly Owed[];
  /** Accepted objections to earlier claims that wait for this month. */
  readonly carried: readonly (Party & {
    objectionId: string;
    claimId: string;
    lineId: string;
    minor: string;
  })[];
}

interface Party {
  readonly carrierId: string;
  readonly fundingId: string;
  readonly currency: string;
}
export type Owed = Party & { readonly minor: bigint };

export interface KeptClaim {
  text: ClaimText;
  /** Hex. */
  sha256: string;
  submitted: boolean;
  readonly agreed: Set<ActSide>;
  readonly objections: Map<string, KeptObjection>;
  /** Line of each tap that commands name. */
  readonly taps: ReadonlyMap<string, string>;
}

export interface KeptObjection {
  readonly side: ActSide;
  readonly lineId: string;
  readonly tapRef: string | null;
  readonly reason: string;
  readonly words: string;
  answered: boolean;
  /** What an accepted one changed or will change, minor units. */
  minor: string;
}

/** A fact about claims, by the table that keeps it. */
export type ClaimFact =
  | { readonly sort: 'draft'; readonly row: object; readonly period: string }
  | {
      readonly sort: 'claim' | 'version' | 'step' | 'objection' | 'answer' | 'correction' | 'signature';
      readonly row: object;
    };

const DECIDE = {
  'draft-claims': draftClaims,
  'submit-claim': submitClaim,
  'object-claim': objectClaim,
  'answer-objection': answerObjection,
  'agree-claim': agreeClaim,
} as const;

/** Decides a command about claims, whose payload was checked. */
export function obeyClaim(kind: keyof typeof DECIDE, payload: unknown, naming: Naming, desk: Desk): Refusal {
  return (DECIDE[kind] as (payload: unknown, naming: Naming, desk: Desk) => Refusal)(payload, naming, desk);
}

function draftClaims(payload: Payload<'draft-claims'>, naming: Naming, desk: Desk): Refusal {
  const books = desk.context.claims;
  const period = parsePeriod(payload.period);
  if (period === undefined) return { reason: 'COMMAND_MALFORMED', detail: `${payload.period} is no month` };
  if (books?.drafting?.settled !== true) return { reason: 'CLAIM_NOT_SETTLED', detail: period.id };
  const { drafting, city } = books;
  const { last, first } = drafting;
  if (last !== null && period.id <= last) return { reason: 'CLAIM_ALREADY_DRAFTED', detail: `until ${last}` };
  const next = last === null ? first : nextPeriod(periodOfDay(last)).id;
  if (next !== null && next !== period.id)
    return { reason: 'CLAIM_OUT_OF_ORDER', detail: `${next} comes next` };
  const drafts = withCarried(period.id, drafting);
  const wrong = differing(drafts, drafting.ledger);
  if (wrong !== null) return { reason: 'CLAIM_DIFFERS_FROM_LEDGER', detail: wrong };
  const { commandId, knownFromMs } = naming;
  const leftOut = JSON.stringify(drafting.leftOut, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
  const row = { period: period.id, draftId: commandId, who: payload.by, leftOut, knownFromMs };
  desk.writes.claims.push({ sort: 'draft', period: period.id, row });
  for (const draft of drafts) {
    const { claimId, carrierId, fundingId, currency } = draft;
    const corrections = drafting.carried
      .filter((one) => sameParty(one, draft))
      .map(({ objectionId, claimId: of, lineId, minor }) => ({ objectionId, claimId: of, lineId, minor }));
    const ledgerMinor = owed(draft, drafting.ledger);
    const frame = {
      city,
      period: period.id,
      madeBy: payload.by,
      madeAtMs: knownFromMs,
      ledgerMinor,
      corrections,
    };
    desk.writes.claims.push({
      sort: 'claim',
      row: { claimId, period: period.id, carrierId, fundingId, currency },
    });
    keepVersion(firstVersion(draft, frame), desk);
    for (const { objectionId } of corrections)
      desk.writes.claims.push({ sort: 'correction', row: { objectionId, claimId, version: 1 } });
  }
  return null;
}

function submitClaim(payload: Payload<'submit-claim'>, naming: Naming, desk: Desk): Refusal {
  const found = newestOf(payload, desk);
  if (!found.ok) return found.refusal;
  const { claim } = found;
  if (claim.submitted) return { reason: 'CLAIM_ALREADY_SUBMITTED', detail: payload.claimId };
  const refused = keepSignature(claim, payload, { act: 'submit' }, naming, desk);
  if (refused !== null) return refused;
  claim.submitted = true;
  pushStep('submitted', payload, naming, desk);
  return null;
}

/** Neither side agrees while objections wait; both sides together end the matter. */
function agreeClaim(payload: Payload<'agree-claim'>, naming: Naming, desk: Desk): Refusal {
  const found = openOf(payload, desk);
  if (!found.ok) return found.refusal;
  const { claim } = found;
  const waiting = [...claim.objections.values()].filter(({ answered }) => !answered).length;
  if (waiting > 0) return { reason: 'CLAIM_OBJECTIONS_OPEN', detail: `${waiting} objections` };
  if (claim.sha256 !== payload.sha256)
    return { reason: 'CLAIM_VERSION_OLD', detail: `version ${claim.text.version} is ${claim.sha256}` };
  if (claim.agreed.has(payload.side))
    return { reason: 'CLAIM_ALREADY_AGREED', detail: `${payload.side}, version ${claim.text.version}` };
  const refused = keepSignature(claim, payload, { act: 'agree' }, naming, desk);
  if (refused !== null) return refused;
  claim.agreed.add(payload.side);
  pushStep('agreed', payload, naming, desk);
  return null;
}

function objectClaim(payload: Payload<'object-claim'>, naming: Naming, desk: Desk): Refusal {
  const found = openOf(payload, desk);
  if (!found.ok) return found.refusal;
  const { claim } = found;
  const { tapRef, side, reason, words, by: who, claimId, version } = payload;
  const lineId = tapRef === undefined ? payload.lineId : claim.taps.get(tapRef);
  const known = claim.text.lines.some((line) => line.lineId === lineId);
  const other = payload.lineId !== undefined && payload.lineId !== lineId;
  if (lineId === undefined || !known || other)
    return {
      reason: 'OBJECTION_SUBJECT_UNKNOWN',
      detail: tapRef ?? payload.lineId ?? 'neither line nor tap',
    };
  const said = { side, lineId, tapRef: tapRef ?? null, reason, words };
  const again = [...claim.objections].find(([, one]) => !one.answered && isSame(one, said));
  if (again !== undefined) return { reason: 'OBJECTION_WAITS', detail: again[0] };
  const refused = keepSignature(claim, payload, { act: 'object', ...payload }, naming, desk);
  if (refused !== null) return refused;
  claim.objections.set(naming.commandId, { ...said, answered: false, minor: '0' });
  const row = {
    objectionId: naming.commandId,
    claimId,
    version,
    side,
    lineId,
    tapRef: tapRef ?? null,
    reason,
    words,
    who,
  };
  desk.writes.claims.push({ sort: 'objection', row: { ...row, knownFromMs: naming.knownFromMs } });
  return null;
}

/** Sent twice, an objection would have to be answered twice, and its line might be corrected twice. */
function isSame(one: KeptObjection, said: Omit<KeptObjection, 'answered' | 'minor'>): boolean {
  return (
    one.side === said.side &&
    one.lineId === said.lineId &&
    one.tapRef === said.tapRef &&
    one.reason === said.reason &&
    one.words === said.words
  );
}

function answerObjection(payload: Payload<'answer-objection'>, naming: Naming, desk: Desk): Refusal {
  const found = openOf(payload, desk);
  if (!found.ok) return found.refusal;
  const { claim } = found;
  const { objectionId, accepted, side, words, remedy, correctionMinor, by: who, claimId } = payload;
  const objection = claim.objections.get(objectionId);
  if (objection === undefined) return { reason: 'OBJECTION_UNKNOWN', detail: objectionId };
  if (objection.answered) return { reason: 'OBJECTION_ALREADY_ANSWERED', detail: objectionId };
  if (objection.side === side) return { reason: 'OBJECTION_OWN', detail: side };
  const whole = remedy !== undefined && correctionMinor !== undefined;
  if (accepted !== whole || (!accepted && (remedy ?? correctionMinor) !== undefined))
    return { reason: 'CORRECTION_MISSING', detail: objectionId };
  if (whole && !inRange(claim, objection.lineId, BigInt(correctionMinor)))
    return { reason: 'CORRECTION_OUT_OF_RANGE', detail: `line ${objection.lineId}, by ${correctionMinor}` };
  const refused = keepSignature(claim, payload, { act: 'answer', ...payload }, naming, desk);
  if (refused !== null) return refused;
  objection.answered = true;
  objection.minor = correctionMinor ?? '0';
  const row = {
    objectionId,
    accepted,
    words,
    remedy: remedy ?? null,
    correctionMinor: correctionMinor ?? null,
    who,
  };
  desk.writes.claims.push({ sort: 'answer', row: { ...row, knownFromMs: naming.knownFromMs } });
  if (!whole || remedy === 'next-month') return null;
  const correction = { objectionId, claimId, lineId: objection.lineId, minor: correctionMinor };
  const made = { sha256: claim.sha256, madeBy: who, madeAtMs: naming.knownFromMs, correction };
  claim.text = nextVersion(claim.text, made);
  claim.sha256 = keepVersion(claim.text, desk);
  claim.agreed.clear();
  const { version } = claim.text;
  desk.writes.claims.push({ sort: 'correction', row: { objectionId, claimId, version } });
  return null;
}

/** What a side says of a claim, it has signed; the signature is kept beside what it says. */
function keepSignature(
  { text, sha256 }: KeptClaim,
  { side, signerId, signature }: { side: ActSide; signerId: string; signature: string },
  said: ClaimAct,
  { commandId: factId, knownFromMs }: Naming,
  desk: Desk,
): Refusal {
  const { claimId, version, carrierId } = text;
  const statement = claimStatement({ claimId, version, sha256, side }, said);
  const judged = judgeSignature({ statement, signerId, signature, side, carrierId }, desk);
  if (!judged.ok) return judged.refusal;
  const { qualified } = judged;
  const row = { factId, claimId, version, act: said.act, side, signerId, qualified, statement, signature };
  desk.writes.claims.push({ sort: 'signature', row: { ...row, knownFromMs } });
  return null;
}

/** What is left of a line must lie between nothing and what its rule makes of it. */
function inRange(claim: KeptClaim, lineId: string, by: bigint): boolean {
  const line = claim.text.lines.find((one) => one.lineId === lineId);
  if (line === undefined) return false;
  const before = [...claim.objections.values()].filter((one) => one.lineId === lineId);
  const now = before.reduce((sum, { minor }) => sum + BigInt(minor), BigInt(line.claimedMinor)) + by;
  const whole = BigInt(line.amountMinor);
  return whole < 0n ? whole <= now && now <= 0n : 0n <= now && now <= whole;
}

type Found =
  | { readonly ok: true; readonly claim: KeptClaim }
  | { readonly ok: false; readonly refusal: NonNullable<Refusal> };

function newestOf({ claimId, version }: { claimId: string; version: number }, desk: Desk): Found {
  const claim = desk.context.claims?.kept.get(claimId);
  if (claim === undefined) return { ok: false, refusal: { reason: 'CLAIM_UNKNOWN', detail: claimId } };
  if (claim.agreed.size === 2) return { ok: false, refusal: { reason: 'CLAIM_AGREED', detail: claimId } };
  if (claim.text.version === version) return { ok: true, claim };
  return {
    ok: false,
    refusal: { reason: 'CLAIM_VERSION_OLD', detail: `version ${claim.text.version} stands` },
  };
}

function openOf(of: { claimId: string; version: number }, desk: Desk): Found {
  const found = newestOf(of, desk);
  if (!found.ok || found.claim.submitted) return found;
  return { ok: false, refusal: { reason: 'CLAIM_NOT_SUBMITTED', detail: of.claimId } };
}

function pushStep(
  step: 'submitted' | 'agreed',
  { claimId, version, side, by: who }: { claimId: string; version: number; side: ActSide; by: string },
  { commandId: stepId, knownFromMs }: Naming,
  desk: Desk,
): void {
  desk.writes.claims.push({ sort: 'step', row: { stepId, claimId, version, step, side, who, knownFromMs } });
}

/** Writes a version and its leaf; gives its hash. */
function keepVersion(text: ClaimText, desk: Desk): string {
  const bytes = claimBytes(text);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const { claimId, version, madeBy: who, madeAtMs: knownFromMs } = text;
  desk.writes.claims.push({ sort: 'version', row: { claimId, version, bytes, sha256, who, knownFromMs } });
  desk.writes.leaves.push(claimLeaf({ claimId, version, sha256, who, knownFromMs }));
  return sha256;
}

/** Parties for whom only an earlier claim is corrected have a claim without lines. */
function withCarried(period: string, { claims, carried }: Drafting): ClaimDraft[] {
  const all = [...claims];
  for (const one of carried) {
    if (all.some((draft) => sameParty(draft, one))) continue;
    const { carrierId, fundingId, currency } = one;
    const claimId = claimIdOf(period, carrierId, fundingId, currency);
    all.push({ claimId, carrierId, fundingId, currency, lines: [], prices: [], limits: [] });
  }
  return all.sort((a, b) => compareText(a.claimId, b.claimId));
}

function differing(drafts: readonly ClaimDraft[], ledger: readonly Owed[]): string | null {
  const parties = [...drafts, ...ledger.filter((one) => !drafts.some((draft) => sameParty(draft, one)))];
  for (const party of parties) {
    const lines = drafts.find((draft) => sameParty(draft, party))?.lines ?? [];
    const rides = lines.reduce((sum, line) => sum + line.concessionMinor, 0n);
    const said = owed(party, ledger);
    if (rides !== said)
      return `${party.carrierId} ${party.fundingId} ${party.currency}: decisions ${rides}, ledger ${said}`;
  }
  return null;
}

function owed(party: Party, ledger: readonly Owed[]): bigint {
  return ledger.find((one) => sameParty(one, party))?.minor ?? 0n;
}

function sameParty(a: Party, b: Party): boolean {
  return a.carrierId === b.carrierId && a.fundingId === b.fundingId && a.currency === b.currency;
}
