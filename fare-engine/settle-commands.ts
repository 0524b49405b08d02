/** Commands about settlements: a month is closed, somebody is named to sign, an act is signed. */
import type { City } from '#platform/city-data.ts';
import { getZone } from '#pricing/local-time.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { settlementLeaf } from './audit-leaf.ts';
import type { Payload } from './command-kinds.ts';
import type { Desk, Naming, Refusal } from './commands.ts';
import { actsOf } from './settlement/act.ts';
import type { SettlementFacts } from './settlement/facts.ts';
import { judgeSignature, schemeOf, signersOf } from './settlement/judge-signature.ts';
import {
  closingInstantMs,
  lastDayOf,
  nextPeriod,
  parsePeriod,
  periodOfDay,
  type SettlementPeriod,
} from './settlement/period.ts';
import { type Settlement, settle } from './settlement/settle.ts';
import { type ActSide, actStatement, type SignatureScheme } from './settlement/signature-schemes.ts';

/** What settlements need of the city, handed in at the start. */
export interface SettlementTerms {
  readonly city: Pick<City, 'id' | 'names' | 'zone' | 'dayStart' | 'settlement'>;
  readonly tariffs: TariffTimeline;
  readonly schemes: readonly SignatureScheme[];
}

/** What has to be known of the books before a command about settlements is decided. */
export interface SettlementBooks {
  readonly terms: SettlementTerms;
  /** Last settled month. */
  readonly last: string | null;
  /** Of the month that is to be closed; `null` where no command closes one. */
  readonly closing: {
    readonly facts: SettlementFacts;
    readonly untilMs: number;
    readonly floorXact: string;
    /** Account-days of the month that wait or are stuck. */
    readonly waiting: number;
  } | null;
  readonly acts: readonly KeptAct[];
  readonly signers: readonly ActSigner[];
}

export interface KeptAct {
  readonly period: string;
  readonly carrierId: string;
  /** Hex. */
  readonly sha256: string;
  readonly signedBy: readonly ActSide[];
}

export interface ActSigner {
  readonly signerId: string;
  readonly side: ActSide;
  readonly carrierId: string | null;
  readonly name: string;
  readonly scheme: string;
  readonly publicKey: string;
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  readonly knownFromMs: number;
}

export interface ActSignature {
  readonly signatureId: string;
  readonly period: string;
  readonly carrierId: string;
  readonly side: ActSide;
  readonly signerId: string;
  readonly qualified: boolean;
  readonly objections: boolean;
  readonly note: string | null;
  readonly signature: string;
  readonly knownFromMs: number;
}

/** A settlement as it is written. */
export interface SettlementFact {
  readonly period: string;
  readonly untilDay: string;
  readonly untilMs: number;
  readonly who: string;
  readonly packageHash: string | null;
  readonly rest: string;
  readonly floorXact: string;
  readonly knownFromMs: number;
  readonly shares: readonly object[];
  /** What the month made of each pass and carnet with money left. */
  readonly passes: readonly object[];
  readonly acts: readonly { carrierId: string; bytes: string; sha256: string }[];
}

export function closeSettlement(
  payload: Payload<'close-settlement'>,
  { knownFromMs }: Naming,
  desk: Desk,
): Refusal {
  const books = desk.context.settlement;
  const calendar = books?.terms.city.settlement;
  const period = parsePeriod(payload.period);
  if (period === undefined) return { reason: 'COMMAND_MALFORMED', detail: `${payload.period} is no month` };
  if (books === undefined || books.closing === null || calendar === undefined)
    return { reason: 'SETTLEMENT_NOT_CONFIGURED', detail: 'city.yaml has no settlement' };
  const early = notYet(period, books, desk);
  if (early !== null) return early;
  const { facts, untilMs, floorXact } = books.closing;
  const tariff = books.terms.tariffs.at(untilMs - 1);
  const settled = settle(facts, tariff?.revenueSplit ?? []);
  if (!settled.ok) {
    const words = settled.differences.map(
      ({ account, currency, decisionsMinor, ledgerMinor }) =>
        `${account} ${currency}: decisions ${decisionsMinor}, ledger ${ledgerMinor}, differs by ${ledgerMinor - decisionsMinor}`,
    );
    return { reason: 'SETTLEMENT_DIFFERS', detail: words.join('; ').slice(0, 500) };
  }
  const { settlement } = settled;
  const packageHash = tariff?.hash ?? null;
  const acts = actsOf(settlement.carriers, {
    period,
    city: books.terms.city,
    parties: calendar,
    closedAtMs: knownFromMs,
    closedBy: payload.who,
    packageHash,
  });
  desk.writes.settlements.push({
    period: period.id,
    untilDay: period.untilDay,
    untilMs,
    who: payload.who,
    packageHash,
    rest: restText(settlement),
    floorXact,
    knownFromMs,
    shares: settlement.shares.map((share) => ({ ...share, minor: share.minor.toString() })),
    passes: facts.passMonths.map((row) => ({
      ...row,
      earnedMinor: row.earnedMinor.toString(),
      earnedSoFarMinor: row.earnedSoFarMinor.toString(),
      leftMinor: row.leftMinor.toString(),
    })),
    acts,
  });
  desk.writes.postings.push(...settlement.postings);
  desk.writes.leaves.push(
    settlementLeaf({ period: period.id, who: payload.who, packageHash, knownFromMs }, acts),
  );
  return null;
}

/** Why a month may not be closed now; `null` = it may. */
function notYet(period: SettlementPeriod, books: SettlementBooks, desk: Desk): Refusal {
  const { city } = books.terms;
  const last = books.last === null ? null : periodOfDay(books.last);
  if (last !== null && period.id <= last.id)
    return {
      reason: 'SETTLEMENT_ALREADY_CLOSED',
      detail: `${last.id} is settled, and every month before it`,
    };
  if (last !== null && period.id !== nextPeriod(last).id)
    return { reason: 'SETTLEMENT_OUT_OF_ORDER', detail: `${nextPeriod(last).id} comes next` };
  const dueMs = closingInstantMs(period, city.settlement as NonNullable<typeof city.settlement>, city);
  if (desk.context.nowMs < dueMs)
    return { reason: 'SETTLEMENT_NOT_DUE', detail: `due ${localText(dueMs, city.zone)}, local time` };
  const closed = desk.context.latestClose?.fareDay ?? '';
  if (closed < lastDayOf(period))
    return {
      reason: 'SETTLEMENT_DAYS_OPEN',
      detail: `closed until ${closed || 'no day'}, needed ${lastDayOf(period)}`,
    };
  const waiting = books.closing?.waiting ?? 0;
  if (waiting > 0) return { reason: 'SETTLEMENT_WORK_WAITING', detail: `${waiting} account-days` };
  return null;
}

function localText(ms: number, zone: string): string {
  return new Date(getZone(zone).wallMs(ms)).toISOString().slice(0, 16);
}

/** What belongs to no carrier's act. */
function restText({ carriers, carried }: Settlement): string {
  const suspense = carriers
    .filter((carrier) => carrier.carrierId === null)
    .map(({ currency, figures, lines, totalMinor }) => ({ currency, figures, lines, totalMinor }));
  return JSON.stringify({ suspense, carried }, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}

/** Somebody's key counts for a side from now on, or from a date. */
export function nameSigner(payload: Payload<'name-signer'>, naming: Naming, desk: Desk): Refusal {
  const { side, name, scheme: schemeName, publicKey, validFromMs } = payload;
  const carrierId = payload.carrierId ?? null;
  if ((side === 'carrier') !== (carrierId !== null))
    return { reason: 'COMMAND_MALFORMED', detail: 'carrierId belongs to the side carrier, and to no other' };
  const scheme = schemeOf(schemeName, desk);
  if (scheme === undefined) return { reason: 'SIGNER_SCHEME_UNKNOWN', detail: schemeName };
  // A private key in the books would be everybody's: whoever reads them could sign.
  const fault = publicKey.includes('PRIVATE KEY') ? 'SIGNER_KEY_INVALID' : scheme.keyFault(publicKey);
  if (fault !== null) return { reason: fault, detail: schemeName };
  const other = signersOf(desk).find(
    (known) => known.publicKey === publicKey && (known.side !== side || known.carrierId !== carrierId),
  );
  if (other !== undefined)
    return { reason: 'SIGNER_OTHER_SIDE', detail: `${other.side} ${other.carrierId ?? ''}`.trim() };
  desk.writes.signers.push({
    signerId: naming.commandId,
    side,
    carrierId,
    name,
    scheme: schemeName,
    publicKey,
    validFromMs,
    validUntilMs: payload.validUntilMs ?? null,
    knownFromMs: naming.knownFromMs,
  });
  return null;
}

/** A side signs an act, once. */
export function signAct(payload: Payload<'sign-act'>, naming: Naming, desk: Desk): Refusal {
  const { period, carrierId, side, actSha256, objections, note, signature } = payload;
  const act = desk.context.settlement?.acts.find(
    (kept) => kept.period === period && kept.carrierId === carrierId,
  );
  if (act === undefined) return { reason: 'ACT_UNKNOWN', detail: `${period} ${carrierId}` };
  if (act.sha256 !== actSha256) return { reason: 'ACT_OTHER_BYTES', detail: `kept is ${act.sha256}` };
  const signedNow = desk.writes.signatures.some(
    (other) => other.period === period && other.carrierId === carrierId && other.side === side,
  );
  if (signedNow || act.signedBy.includes(side))
    return { reason: 'ACT_ALREADY_SIGNED', detail: `${period} ${carrierId} as ${side}` };
  const { signerId } = payload;
  const statement = actStatement({ period, carrierId, actSha256, side, objections, note });
  const judged = judgeSignature({ statement, signerId, signature, side, carrierId }, desk);
  if (!judged.ok) return judged.refusal;
  desk.writes.signatures.push({
    signatureId: naming.commandId,
    period,
    carrierId,
    side,
    signerId,
    qualified: judged.qualified,
    objections,
    note: note ?? null,
    signature,
    knownFromMs: naming.knownFromMs,
  });
  return null;
}
