/**
 * Whether two people have signed for a package: pure, so that the command, every engine and an auditor judge alike. Each
 * statement is judged by itself, then both together; everything that is wrong is told at once.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  type OfficerRole,
  openTariffStatement,
  readTariffStatement,
  type TariffStatement,
} from '#contracts/tariff-approval.ts';

/** Why a signature does not count, or both together do not. */
export const APPROVAL_REFUSALS = {
  APPROVAL_FORGED: 'the signature does not fit the officer’s public key',
  APPROVAL_FROM_FUTURE: 'the statement was signed later than now: one of the two clocks is wrong',
  APPROVAL_LEAD_SHORT: 'the date lies nearer than the city’s lead, and a statement gives no reason for it',
  APPROVAL_MALFORMED: 'what was handed in is no signed statement about a tariff',
  APPROVAL_OFFICER_EXPIRED: 'the officer was not, or is not, in office: outside valid_from and valid_until',
  APPROVAL_OFFICER_REVOKED: 'the officer’s key was revoked; nothing that it signed counts from then on',
  APPROVAL_OFFICER_UNKNOWN: 'officers.yaml names no such officer',
  APPROVAL_OTHER_ACT:
    'the statement is about something else: an activation where a withdrawal belongs, or the reverse',
  APPROVAL_OTHER_CITY: 'the statement was signed for another city',
  APPROVAL_OTHER_DATE: 'the statement names another date than the package',
  APPROVAL_OTHER_PACKAGE: 'the statement names another package: the files were changed after it was signed',
  APPROVAL_ROLE_FOREIGN: 'the officer does not have the role in which the statement was signed',
  APPROVAL_ROLE_MISSING: 'an author and an approver are needed; one of them has not signed',
  APPROVAL_SAME_KEY: 'both signatures come from one key under two names',
  APPROVAL_SAME_PERSON: 'both signatures come from one person',
  APPROVAL_TOO_LATE: 'the package is in force already; only a new package can follow it',
} as const;
export type ApprovalRefusal = keyof typeof APPROVAL_REFUSALS;

/** A person who may sign, as officers.yaml has it; instants in ms. */
export interface Officer {
  readonly officerId: string;
  /** Who it is; two officers with one person are one person. */
  readonly person: string;
  readonly roles: readonly OfficerRole[];
  readonly publicKey: KeyObject;
  readonly validFromMs: number;
  readonly validUntilMs: number;
  readonly revokedFromMs: number | null;
}

export interface Officers {
  /** Least time between activation and date; a reason in both statements stands in for it. */
  readonly leadMs: number;
  readonly byId: ReadonlyMap<string, Officer>;
}

/** What the statements have to be about. */
export interface ApprovalSubject {
  readonly act: TariffStatement['act'];
  readonly city: string;
  readonly packageHash: string;
  readonly validFromMs: number;
  /** How much later than the activation it is judged: an engine may have been down meanwhile. Default 0. */
  readonly leadSlackMs?: number;
}

export interface ApprovalProblem {
  readonly code: ApprovalRefusal;
  /** Who signed, where it is known. */
  readonly officer?: string;
}

/** One signature that counts. */
export interface Approval extends TariffStatement {
  readonly person: string;
  /** The signed envelope, as it is kept and shown. */
  readonly envelope: string;
}

export type ApprovalVerdict =
  | {
      readonly ok: true;
      /** Those that count, a pair that suffices first. */
      readonly approvals: readonly Approval[];
      /** What was signed beside it and does not count. */
      readonly ignored: readonly ApprovalProblem[];
    }
  | { readonly ok: false; readonly problems: readonly ApprovalProblem[] };

/** How far the clock of who signs may be ahead. */
const CLOCK_AHEAD_MS = 300_000;

/**
 * Judges signed statements about one package as of an instant. A pair that holds suffices: what lies beside it stops nothing,
 * or whoever can put a file there could keep a tariff from being taken, or from being taken back.
 * @param revokedByMs keys revoked until then sign nothing; default `nowMs`. Whoever judges as of an instant that the
 * statements themselves name hands in the present: a key that was taken could write any date.
 */
export function verifyApproval(
  envelopes: readonly string[],
  subject: ApprovalSubject,
  officers: Officers,
  nowMs: number,
  revokedByMs: number = nowMs,
): ApprovalVerdict {
  const bad: ApprovalProblem[] = [];
  const good: Approval[] = [];
  for (const envelope of envelopes) {
    const judged = judgeOne(envelope, subject, officers, nowMs, revokedByMs);
    if ('codes' in judged)
      bad.push(...judged.codes.map((code) => ({ code, ...(judged.officer && { officer: judged.officer }) })));
    else good.push(judged);
  }
  const pair = judgePair(good, subject, officers, nowMs);
  if (typeof pair !== 'string')
    return { ok: true, approvals: [...pair, ...good.filter((one) => !pair.includes(one))], ignored: bad };
  // That somebody is missing follows from a statement that does not count.
  const problems = bad.length > 0 && pair === 'APPROVAL_ROLE_MISSING' ? bad : [...bad, { code: pair }];
  return { ok: false, problems };
}

/** What keeps one statement from counting, whoever else signs; none where it counts. */
export function verifyStatement(
  envelope: string,
  subject: ApprovalSubject,
  officers: Officers,
  nowMs: number,
): readonly ApprovalRefusal[] {
  const judged = judgeOne(envelope, subject, officers, nowMs, nowMs);
  return 'codes' in judged ? judged.codes : [];
}

function judgeOne(
  envelope: string,
  subject: ApprovalSubject,
  { byId }: Officers,
  nowMs: number,
  revokedByMs: number,
): Approval | { codes: ApprovalRefusal[]; officer?: string } {
  const bytes = Buffer.from(envelope, 'utf8');
  const read = readTariffStatement(bytes);
  if (!read.ok) return { codes: ['APPROVAL_MALFORMED'] };
  const statement = read.value;
  const { officer: id, atMs } = statement;
  const officer = byId.get(id);
  if (officer === undefined) return { codes: ['APPROVAL_OFFICER_UNKNOWN'], officer: id };
  if (!openTariffStatement(bytes, new Map([[id, officer.publicKey]])).ok)
    return { codes: ['APPROVAL_FORGED'], officer: id };
  const inOffice = (ms: number) => ms >= officer.validFromMs && ms < officer.validUntilMs;
  const codes: ApprovalRefusal[] = [];
  if (statement.act !== subject.act) codes.push('APPROVAL_OTHER_ACT');
  if (statement.city !== subject.city) codes.push('APPROVAL_OTHER_CITY');
  if (statement.packageHash !== subject.packageHash) codes.push('APPROVAL_OTHER_PACKAGE');
  if (statement.validFromMs !== subject.validFromMs) codes.push('APPROVAL_OTHER_DATE');
  if (!officer.roles.includes(statement.role)) codes.push('APPROVAL_ROLE_FOREIGN');
  if (atMs > nowMs + CLOCK_AHEAD_MS) codes.push('APPROVAL_FROM_FUTURE');
  // Also now: who has left office, or whose key was taken, could give any date.
  if (!inOffice(atMs) || !inOffice(nowMs)) codes.push('APPROVAL_OFFICER_EXPIRED');
  if (officer.revokedFromMs !== null && revokedByMs >= officer.revokedFromMs)
    codes.push('APPROVAL_OFFICER_REVOKED');
  if (codes.length > 0) return { codes, officer: id };
  return { ...statement, person: officer.person, envelope };
}

/** A pair that suffices, or why there is none. */
function judgePair(
  approvals: readonly Approval[],
  subject: ApprovalSubject,
  { byId, leadMs }: Officers,
  nowMs: number,
): readonly [Approval, Approval] | ApprovalRefusal {
  const of = (role: OfficerRole) => approvals.filter((approval) => approval.role === role);
  const pairs = of('author').flatMap((author) =>
    of('approver').map((approver): readonly [Approval, Approval] => [author, approver]),
  );
  if (pairs.length === 0) return 'APPROVAL_ROLE_MISSING';
  const people = pairs.filter(([author, approver]) => author.person !== approver.person);
  if (people.length === 0) return 'APPROVAL_SAME_PERSON';
  const keyOf = ({ officer }: Approval) => keyText(byId.get(officer)?.publicKey as KeyObject);
  const keys = people.filter(([author, approver]) => keyOf(author) !== keyOf(approver));
  const [first] = keys;
  if (first === undefined) return 'APPROVAL_SAME_KEY';
  if (subject.act === 'withdraw') return nowMs < subject.validFromMs ? first : 'APPROVAL_TOO_LATE';
  const least = Math.max(0, leadMs - (subject.leadSlackMs ?? 0));
  if (subject.validFromMs - nowMs >= least) return first;
  return keys.find((pair) => pair.every(({ reason }) => reason !== undefined)) ?? 'APPROVAL_LEAD_SHORT';
}

function keyText(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
}
