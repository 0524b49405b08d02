/**
 * Signatures for tariffs on a disk: `officers.yaml` says whose count, a folder holds what they signed. One file for each
 * activation or withdrawal, put there whole by `kvytok tariff activate`; single signatures wait in a folder beside it.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { parseDocument } from 'yaml';
import { decodeJson, parserOf } from '#contracts/parse.ts';
import { STATEMENT_BYTES_MAX, type TariffStatement } from '#contracts/tariff-approval.ts';
import { OperatorError } from '#platform/errors.ts';
import { parseOfficers } from '../tariff-life/officers-file.ts';
import type { Officers } from '../tariff-life/verify-approval.ts';

export interface ApprovalPlaces {
  readonly officersFile: string;
  readonly dir: string;
}

/** Statements about one package: an author, an approver, and a few more who may want to. */
export const STATEMENTS_MAX = 8;
const FILE_BYTES_MAX = STATEMENTS_MAX * 2 * STATEMENT_BYTES_MAX;
const OFFICERS_BYTES_MAX = 1024 * 1024;

const ApprovalFile = Type.Object({
  v: Type.Literal(1),
  statements: Type.Array(Type.String({ maxLength: STATEMENT_BYTES_MAX }), { maxItems: STATEMENTS_MAX }),
});
export type ApprovalFile = Static<typeof ApprovalFile>;
const parseFile = parserOf(ApprovalFile);

/** Where a city's own folder has them. */
export function placesOf(cityDir: string): ApprovalPlaces {
  return { officersFile: join(cityDir, 'officers.yaml'), dir: join(cityDir, 'tariff-approvals') };
}

/** File of an activation or a withdrawal. */
export function approvalFile(dir: string, packageHash: string, act: TariffStatement['act']): string {
  return join(dir, `${packageHash}.${act}.json`);
}

/** Folder in which single signatures wait for the other one. */
export function signaturesDir(dir: string): string {
  return join(dir, 'signatures');
}

/** The signed statements of an activation or withdrawal; `null` = there is no such file, or nothing that can be read. */
export function readApproval(
  dir: string,
  packageHash: string,
  act: TariffStatement['act'],
): readonly string[] | null {
  const path = approvalFile(dir, packageHash, act);
  if (!existsSync(path) || statSync(path).size > FILE_BYTES_MAX) return null;
  const json = decodeJson(readFileSync(path), FILE_BYTES_MAX);
  const parsed = json.ok ? parseFile(json.value) : json;
  // Without a word that counts the package stays unsigned, and the log says so.
  return parsed.ok ? parsed.value.statements : [];
}

/**
 * Whose signatures count. Without the file nobody's do.
 * @throws OperatorError OFFICERS_INVALID
 */
export function readOfficers(path: string): Officers {
  if (!existsSync(path)) return { leadMs: 0, byId: new Map() };
  try {
    if (statSync(path).size > OFFICERS_BYTES_MAX) throw new Error('the file is too large');
    const document = parseDocument(readFileSync(path, 'utf8'));
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    return parseOfficers(document.toJS({ maxAliasCount: 0 }));
  } catch (error) {
    throw new OperatorError({
      code: 'OFFICERS_INVALID',
      happened: `The officers who may sign tariffs cannot be read from ${path}: ${(error as Error).message}.`,
      kept: 'No package was activated; those in force go on.',
      todo: 'Mend the file (fare-engine/tariff-life/README.md describes it) and try again.',
    });
  }
}
