/** Which packages of a folder may price: those activated before, and those for which two people have signed. Pure. */
import { readTariffStatement, type TariffStatement } from '#contracts/tariff-approval.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import {
  type Approval,
  type ApprovalProblem,
  type ApprovalVerdict,
  type Officers,
  verifyApproval,
} from './verify-approval.ts';

/** An engine that was down for so long still takes what was activated in time. */
export const LEAD_SLACK_MS = 6 * 3_600_000;

export interface PackageJudge {
  readonly city: string;
  readonly officers: Officers;
  /** Signed statements at hand; null = none. */
  readonly statements: (packageHash: string, act: TariffStatement['act']) => readonly string[] | null;
}

export interface JudgedPackages {
  /** Those that price: activated before and not withdrawn, or signed for now. */
  readonly allowed: readonly TariffPackage[];
  /** Signatures of those that are new, by hash. */
  readonly approvals: ReadonlyMap<string, readonly Approval[]>;
  /** Activated before, withdrawn now. */
  readonly withdrawals: ReadonlyMap<string, readonly Approval[]>;
  readonly refused: readonly RefusedPackage[];
}

export interface RefusedPackage {
  readonly versionId: string;
  readonly packageHash: string;
  readonly act: TariffStatement['act'];
  /** None: nobody has signed yet. */
  readonly problems: readonly ApprovalProblem[];
}

/** Judges every package but drafts, which price nothing. */
export function judgePackages(
  packages: readonly TariffPackage[],
  known: { readonly activated: ReadonlySet<string>; readonly withdrawn: ReadonlySet<string> },
  judge: PackageJudge,
  nowMs: number,
): JudgedPackages {
  const approvals = new Map<string, readonly Approval[]>();
  const withdrawals = new Map<string, readonly Approval[]>();
  const refused: RefusedPackage[] = [];
  const allowed = packages.filter((p) => {
    if (p.tariff.status === 'draft') return true;
    if (known.withdrawn.has(p.hash)) return false;
    const active = known.activated.has(p.hash);
    const withdrawn = verdictOn(p, 'withdraw', judge, nowMs, active);
    if (withdrawn?.ok) {
      if (active) withdrawals.set(p.hash, withdrawn.approvals);
      return false;
    }
    if (withdrawn?.ok === false) refused.push(refusal(p, 'withdraw', withdrawn.problems));
    if (active) return true;
    const signed = verdictOn(p, 'activate', judge, nowMs, true);
    if (signed?.ok) approvals.set(p.hash, signed.approvals);
    else refused.push(refusal(p, 'activate', signed?.problems ?? []));
    return signed?.ok === true;
  });
  return { allowed, approvals, withdrawals, refused };
}

function refusal(
  { tariff, hash }: TariffPackage,
  act: TariffStatement['act'],
  problems: readonly ApprovalProblem[],
) {
  return { versionId: tariff.version_id, packageHash: hash, act, problems };
}

/**
 * `asOfNow` false: what was taken back before this database knew of the package is judged as of when it was signed. A key that was
 * revoked until now signs nothing even so: whoever has it could write any date.
 */
function verdictOn(
  { hash, validFromMs }: TariffPackage,
  act: TariffStatement['act'],
  { city, officers, statements }: PackageJudge,
  nowMs: number,
  asOfNow: boolean,
): ApprovalVerdict | null {
  const envelopes = statements(hash, act);
  if (envelopes === null) return null;
  const subject = { act, city, packageHash: hash, validFromMs, leadSlackMs: LEAD_SLACK_MS };
  const asOf = (atMs: number) => verifyApproval(envelopes, subject, officers, Math.min(nowMs, atMs), nowMs);
  if (asOfNow) return asOf(nowMs);
  const instants = signedAtMs(envelopes);
  // As of each of them: the last may be of a statement that does not count, and must not outlive those that do.
  for (const atMs of instants) {
    const verdict = asOf(atMs);
    if (verdict.ok) return verdict;
  }
  return asOf(instants.at(-1) ?? 0);
}

/** When they were signed, as they say, in order. */
function signedAtMs(envelopes: readonly string[]): number[] {
  const instants = envelopes.flatMap((envelope) => {
    const read = readTariffStatement(Buffer.from(envelope, 'utf8'));
    return read.ok ? [read.value.atMs] : [];
  });
  return [...new Set(instants)].sort((a, b) => a - b);
}
