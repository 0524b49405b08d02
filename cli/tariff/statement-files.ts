/** Writes what officers sign about a tariff package, and gathers it again. */
import type { KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { STATEMENT_BYTES_MAX, type TariffStatement } from '#contracts/tariff-approval.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { type ApprovalFile, approvalFile, signaturesDir } from '../../fare-engine/adapters/approval-files.ts';

const READABLE = { mode: 0o644 };

/** The statement as a signed envelope; the key's name is the officer's. */
export function signStatement(statement: TariffStatement, privateKey: KeyObject): string {
  return sealEnvelope('tariff-approval', statement, { keyId: statement.officer, privateKey }).toString(
    'utf8',
  );
}

/** Puts one signature where the other one will be looked for; gives its path. */
export function writeSignature(dir: string, statement: TariffStatement, envelope: string): string {
  const { packageHash, act, officer, role } = statement;
  const folder = signaturesDir(dir);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${packageHash}.${act}.${officer}.${role}.json`);
  writeFileAtomic(path, `${envelope}\n`, READABLE);
  return path;
}

/** So many files are looked at: what does not count may lie there too. */
const WAITING_MAX = 200;

/** Signatures for one package that wait. */
export function readSignatures(dir: string, packageHash: string, act: TariffStatement['act']): string[] {
  const folder = signaturesDir(dir);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${packageHash}.${act}.`) && name.endsWith('.json'))
    .sort()
    .slice(0, WAITING_MAX)
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).size <= STATEMENT_BYTES_MAX + 1)
    .map((path) => readFileSync(path, 'utf8').trim());
}

/** Puts an activation or withdrawal where every engine finds it, whole or not at all. */
export function writeApproval(
  dir: string,
  packageHash: string,
  act: TariffStatement['act'],
  statements: readonly string[],
): void {
  mkdirSync(dir, { recursive: true });
  const file: ApprovalFile = { v: 1, statements: [...statements] };
  writeFileAtomic(approvalFile(dir, packageHash, act), `${JSON.stringify(file)}\n`, READABLE);
}
