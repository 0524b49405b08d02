/**
 * Commands → facts. Each is obeyed once: its idempotency key is kept with a hash of its inputs; the same key with the
 * same inputs does nothing more, with other inputs it is refused. Refused commands are kept with their reason.
 */
import { describeProblems } from '#contracts/parse.ts';
import {
  type FindingFact,
  type ReviewFact,
  recordAnomaly,
  reviewAnomaly,
} from './anomalies/finding-commands.ts';
import { assignDevice, assignRoute, assignVehicle, correctRoute, type SaidRoute } from './assign-commands.ts';
import { commandLeaf } from './audit-leaf.ts';
import { type BankContext, type BankWrites, noBankWrites, obeyBank } from './bank/bank-commands.ts';
import type { BankRefusal } from './bank/refusals.ts';
import { type ReplacementFact, replaceMedium, type StationFact, sayStation } from './card-commands.ts';
import { type ClaimBooks, type ClaimFact, obeyClaim } from './claim-commands.ts';
import type { ClaimRefusal } from './claims/refusals.ts';
import { correctClock, type ReasonedCorrection } from './clock-commands.ts';
import { closeDay } from './close-command.ts';
import { idempotencyKey, inputSha256, sortKeys } from './command-keys.ts';
import { type CommandKind, isCommandKind, type Payload, parsePayload } from './command-kinds.ts';
import { isAccountDenial } from './deny-list/account-denials.ts';
import { allowAccount, allowMedium, denyAccount, denyMedium } from './deny-list/deny-commands.ts';
import type {
  Close,
  DeviceAssignment,
  Entitlement,
  EntitlementRevocation,
  FareDays,
  MediaLink,
  PassHolding,
  VehicleAssignment,
} from './facts/facts.ts';
import type { HoldingRefusal } from './holdings/refusals.ts';
import { type HoldingBooks, type ReturnFact, returnHolding } from './holdings/return-command.ts';
import type { Posting } from './ledger/post-line.ts';
import type { AuditLeaf } from './ports.ts';
import {
  decideRepair,
  type RepairBooks,
  type RepairWrites,
  repairJourney,
} from './repairs/repair-commands.ts';
import { grant, linkMedium, revoke } from './right-commands.ts';
import { creditWallet, sellPass } from './sale-commands.ts';
import {
  type ActSignature,
  type ActSigner,
  closeSettlement,
  nameSigner,
  type SettlementBooks,
  type SettlementFact,
  signAct,
} from './settle-commands.ts';
import type { SettlementRefusal } from './settlement/refusals.ts';

/** A row of the command inbox. */
export interface SubmittedCommand {
  readonly commandId: string;
  readonly kind: string;
  readonly payload: unknown;
  readonly submittedBy: string;
  readonly submittedAtMs: number;
}

/** Why a command was refused. */
export type CommandRefusalReason =
  | 'COMMAND_UNKNOWN_KIND'
  | 'COMMAND_MALFORMED'
  | 'COMMAND_INTERVAL_EMPTY'
  | 'COMMAND_KEY_REUSED'
  | 'COMMAND_FAILED'
  | 'ENTITLEMENT_UNKNOWN'
  | 'ACCOUNT_WITHOUT_MEDIA'
  | 'DAY_ALREADY_CLOSED'
  | 'DAY_NOT_OVER'
  | 'ANOMALY_UNKNOWN'
  | 'REPAIR_TAP_UNKNOWN'
  | 'REPAIR_NOT_MISSING'
  | 'REPAIR_IMPLAUSIBLE'
  | 'REPAIR_ALREADY_ASKED'
  | 'REPAIR_UNKNOWN'
  | 'REPAIR_ALREADY_DECIDED'
  | BankRefusal
  | ClaimRefusal
  | HoldingRefusal
  | SettlementRefusal;

export interface CommandRefusal extends SubmittedCommand {
  readonly reason: CommandRefusalReason;
  readonly detail: string;
}

export interface AcceptedCommand {
  readonly idempotencyKey: string;
  readonly commandId: string;
  readonly kind: string;
  /** Hex. */
  readonly inputSha256: string;
  readonly submittedBy: string;
  readonly knownFromMs: number;
}

export interface WalletCredit {
  readonly creditId: string;
  readonly accountId: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly source: string;
  readonly knownFromMs: number;
}

export interface DenyFact {
  readonly entryId: string;
  readonly tokenId: string;
  readonly action: 'deny' | 'allow';
  readonly reason: string | null;
  readonly scope: string | null;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

/** A right ends earlier than it said, and why. */
export interface RevocationFact extends EntitlementRevocation {
  readonly reason: string | null;
}

/** What must be known before commands are decided. */
export interface CommandContext {
  /** Keys obeyed before → hash of their inputs. */
  readonly accepted: ReadonlyMap<string, string>;
  readonly entitlements: ReadonlyMap<string, Entitlement>;
  /** Media that stand for them at this instant, by the accounts that these commands deny or allow. */
  readonly media: ReadonlyMap<string, readonly string[]>;
  readonly latestClose: Close | null;
  /** Where a command is about settlements, and the city has terms for them. */
  readonly settlement?: SettlementBooks;
  /** Where a command is about compensation claims. */
  readonly claims?: ClaimBooks;
  /** Where a command is about repairs of journeys, and tariffs are at hand. */
  readonly repairs?: RepairBooks;
  /** Where a command gives a pass back, and tariffs are at hand. */
  readonly holdings?: HoldingBooks;
  /** Findings that these commands bring or judge, and that are stored. */
  readonly findings: ReadonlySet<string>;
  /** What these commands speak of about bank cards. */
  readonly bank: BankContext;
  /** First instant that no fact known so far uses: whatever is decided now is known strictly later. */
  readonly knownAfterMs: number;
  readonly nowMs: number;
}

/** Time that a new fact may change; the adapter finds the account-days. Half-open, `null` = without end. */
export interface Touched {
  readonly kind: 'media-link' | 'entitlement' | 'pass' | 'assignment' | 'device' | 'vehicle';
  /** Token, account, device or vehicle. `assignment` and `device` name a device: its vehicle changed, or its route. */
  readonly ref: string;
  readonly fromMs: number;
  readonly untilMs: number | null;
}

export interface CommandWrites extends BankWrites {
  readonly accepted: AcceptedCommand[];
  readonly refusals: CommandRefusal[];
  readonly links: MediaLink[];
  readonly entitlements: Entitlement[];
  readonly revocations: RevocationFact[];
  readonly passes: PassHolding[];
  readonly returns: ReturnFact[];
  readonly assignments: DeviceAssignment[];
  readonly carriers: VehicleAssignment[];
  readonly routes: SaidRoute[];
  readonly corrections: ReasonedCorrection[];
  readonly closes: Close[];
  readonly credits: WalletCredit[];
  readonly denials: DenyFact[];
  readonly stations: StationFact[];
  readonly replacements: ReplacementFact[];
  readonly findings: FindingFact[];
  readonly reviews: ReviewFact[];
  readonly settlements: SettlementFact[];
  readonly claims: ClaimFact[];
  readonly signers: ActSigner[];
  readonly signatures: ActSignature[];
  readonly postings: Posting[];
  readonly repairs: RepairWrites;
  readonly leaves: AuditLeaf[];
  readonly touched: Touched[];
  knownAfterMs: number;
}

/** Decides commands in their order; later ones see what earlier ones of the same call did. */
export function decideCommands(
  commands: readonly SubmittedCommand[],
  context: CommandContext,
  days: FareDays,
): CommandWrites {
  const writes: CommandWrites = {
    accepted: [],
    refusals: [],
    links: [],
    entitlements: [],
    revocations: [],
    passes: [],
    returns: [],
    assignments: [],
    carriers: [],
    routes: [],
    corrections: [],
    closes: [],
    credits: [],
    denials: [],
    stations: [],
    replacements: [],
    findings: [],
    ...noBankWrites(),
    reviews: [],
    settlements: [],
    claims: [],
    signers: [],
    signatures: [],
    postings: [],
    repairs: { requests: [], decisions: [], granted: [] },
    leaves: [],
    touched: [],
    knownAfterMs: 0,
  };
  const known = { ms: Math.max(context.nowMs, context.knownAfterMs), subjects: new Set<string>() };
  const seen = new Map(context.accepted);
  const entitlements = new Map(context.entitlements);
  for (const command of commands) {
    const refusal = decideOne(command, { context, writes, seen, entitlements, days, known });
    if (refusal !== null) writes.refusals.push({ ...command, ...refusal });
  }
  writes.knownAfterMs = known.ms + 1;
  return writes;
}

/** What a command is decided with. */
export interface Desk {
  /** When what is decided now is known, and what has been spoken of at this very instant. */
  readonly known: { ms: number; readonly subjects: Set<string> };
  readonly context: CommandContext;
  readonly writes: CommandWrites;
  readonly seen: Map<string, string>;
  readonly entitlements: Map<string, Entitlement>;
  readonly days: FareDays;
}

/** Why a command is not obeyed; `null` = it is. */
export type Refusal = { reason: CommandRefusalReason; detail: string } | null;

function decideOne(command: SubmittedCommand, desk: Desk): Refusal {
  const { kind, commandId, submittedBy } = command;
  if (!isCommandKind(kind)) return { reason: 'COMMAND_UNKNOWN_KIND', detail: `kind ${JSON.stringify(kind)}` };
  const parsed = parsePayload(kind, command.payload);
  if (!parsed.ok)
    return { reason: 'COMMAND_MALFORMED', detail: describeProblems(parsed.problems).slice(0, 500) };
  const inputs = sortKeys(parsed.value);
  const sha256 = inputSha256(kind, parsed.value);
  const key = idempotencyKey(command);
  const before = desk.seen.get(key);
  if (before === sha256) return null;
  if (before !== undefined) {
    return { reason: 'COMMAND_KEY_REUSED', detail: `${key} was obeyed before with other inputs` };
  }
  const many = isAccountDenial(kind) || kind === 'replace-medium';
  if (many) desk.known.ms += 1;
  const knownFromMs = instantFor(parsed.value, desk);
  const postedBefore = desk.writes.postings.length;
  const refusal = obey(kind, parsed.value, { commandId, knownFromMs }, desk);
  if (refusal !== null) return refusal;
  // A close ends what counts as known, others speak of many media: what comes after is known strictly later.
  if (kind === 'close-day' || many) desk.known.ms += 1;
  desk.seen.set(key, sha256);
  desk.writes.accepted.push({
    idempotencyKey: key,
    commandId,
    kind,
    inputSha256: sha256,
    submittedBy,
    knownFromMs,
  });
  const postings = desk.writes.postings.slice(postedBefore);
  desk.writes.leaves.push(commandLeaf({ commandId, kind, submittedBy, knownFromMs, inputs }, postings));
  return null;
}

/**
 * Of two facts about one medium, device or vehicle the latest known wins: so no two of them are known at the same
 * instant.
 */
function instantFor(payload: object, { known }: Desk): number {
  const subjects = (['tokenId', 'deviceId', 'vehicleId'] as const).flatMap((field) => {
    const id = (payload as Partial<Record<typeof field, string>>)[field];
    return id === undefined ? [] : [`${field}:${id}`];
  });
  if (subjects.some((subject) => known.subjects.has(subject))) {
    known.ms += 1;
    known.subjects.clear();
  }
  for (const subject of subjects) known.subjects.add(subject);
  return known.ms;
}

/** Id of the fact a command makes, and when it is known. */
export interface Naming {
  readonly commandId: string;
  readonly knownFromMs: number;
}

function obey(kind: CommandKind, payload: unknown, naming: Naming, desk: Desk): Refusal {
  const interval = payload as { validFromMs?: number; validUntilMs?: number | null };
  const { validFromMs, validUntilMs } = interval;
  if (validFromMs !== undefined && typeof validUntilMs === 'number' && validUntilMs <= validFromMs) {
    return { reason: 'COMMAND_INTERVAL_EMPTY', detail: `from ${validFromMs} until ${validUntilMs}` };
  }
  switch (kind) {
    case 'credit-wallet':
      return creditWallet(payload as Payload<'credit-wallet'>, naming, desk);
    case 'link-medium':
      return linkMedium(payload as Payload<'link-medium'>, naming, desk);
    case 'grant-entitlement':
      return grant(payload as Payload<'grant-entitlement'>, naming, desk);
    case 'sell-pass':
      return sellPass(payload as Payload<'sell-pass'>, naming, desk);
    case 'return-holding':
      return returnHolding(payload as Payload<'return-holding'>, naming, desk);
    case 'revoke-entitlement':
      return revoke(payload as Payload<'revoke-entitlement'>, naming, desk);
    case 'assign-device':
      return assignDevice(payload as Payload<'assign-device'>, naming, desk);
    case 'assign-vehicle':
      return assignVehicle(payload as Payload<'assign-vehicle'>, naming, desk);
    case 'assign-route':
      return assignRoute(payload as Payload<'assign-route'>, naming, desk);
    case 'correct-route':
      return correctRoute(payload as Payload<'correct-route'>, naming, desk);
    case 'correct-clock':
      return correctClock(payload as Payload<'correct-clock'>, naming, desk);
    case 'close-day':
      return closeDay(payload as Payload<'close-day'>, naming, desk);
    case 'deny-medium':
      return denyMedium(payload as Payload<'deny-medium'>, naming, desk);
    case 'deny-account':
      return denyAccount(payload as Payload<'deny-account'>, naming, desk);
    case 'allow-account':
      return allowAccount(payload as Payload<'allow-account'>, naming, desk);
    case 'allow-medium':
      return allowMedium(payload as Payload<'allow-medium'>, naming, desk);
    case 'replace-medium':
      return replaceMedium(payload as Payload<'replace-medium'>, naming, desk);
    case 'draft-claims':
    case 'submit-claim':
    case 'object-claim':
    case 'answer-objection':
    case 'agree-claim':
      return obeyClaim(kind, payload, naming, desk);
    case 'close-settlement':
      return closeSettlement(payload as Payload<'close-settlement'>, naming, desk);
    case 'name-signer':
      return nameSigner(payload as Payload<'name-signer'>, naming, desk);
    case 'sign-act':
      return signAct(payload as Payload<'sign-act'>, naming, desk);
    case 'say-station':
      return sayStation(payload as Payload<'say-station'>, naming, desk);
    case 'repair-journey':
      return repairJourney(payload as Payload<'repair-journey'>, naming, desk);
    case 'decide-repair':
      return decideRepair(payload as Payload<'decide-repair'>, naming, desk);
    case 'pay-debt':
    case 'take-up-payment':
    case 'book-money':
    case 'move-chargeback':
    case 'read-chargeback':
      return obeyBank(kind, payload, naming, desk);
    case 'record-anomaly':
      return recordAnomaly(payload as Payload<'record-anomaly'>, naming, desk);
    case 'review-anomaly':
      return reviewAnomaly(payload as Payload<'review-anomaly'>, naming, desk);
  }
}
