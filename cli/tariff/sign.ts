/** `kvytok tariff sign|activate|withdraw`: two people sign for a package; then it counts, or is taken back before its date. */
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { OFFICER_ID, type TariffStatement } from '#contracts/tariff-approval.ts';
import { OperatorError } from '#platform/errors.ts';
import { readPrivateKeyFile } from '#platform/secret-files.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { readOfficers, STATEMENTS_MAX } from '../../fare-engine/adapters/approval-files.ts';
import { verifyApproval, verifyStatement } from '../../fare-engine/tariff-life/verify-approval.ts';
import { loadTariffFolder } from '../../fare-engine/tariffs/load-tariff.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import {
  approvalProblemText,
  OFFICE_OPTIONS,
  openPackage,
  openTariffOffice,
  refuseApproval,
  type TariffOffice,
} from './office.ts';
import { readSignatures, signStatement, writeApproval, writeSignature } from './statement-files.ts';

const SIGN_OPTIONS = {
  ...OFFICE_OPTIONS,
  as: { type: 'string' },
  role: { type: 'string' },
  key: { type: 'string' },
  reason: { type: 'string' },
  withdraw: { type: 'boolean', default: false },
} as const;

/** Makes one signed statement for each package; it needs no database and may run where only the officer's key is. */
export async function tariffSign(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: SIGN_OPTIONS });
  const { as: officer, role, key, reason, withdraw } = values;
  if (officer === undefined || !new RegExp(OFFICER_ID).test(officer) || key === undefined)
    throw new UsageError('write: kvytok tariff sign DIR --as OFFICER --role author|approver --key FILE');
  if (role !== 'author' && role !== 'approver') throw new UsageError('--role takes author or approver');
  if (reason !== undefined && (reason.trim().length < 3 || reason.length > 500))
    throw new UsageError('--reason takes 3 to 500 characters');
  if (positionals.length === 0) throw new UsageError('name the folder of a tariff package');
  const privateKey = readPrivateKeyFile(resolve(io.cwd, key));
  const said = {
    v: 1,
    act: withdraw ? 'withdraw' : 'activate',
    officer,
    role,
    ...(reason === undefined ? {} : { reason: reason.trim() }),
  } as const;
  for (const folder of positionals) {
    const dir = resolve(io.cwd, folder);
    const office = openTariffOffice(values, dir, io);
    const { hash, validFromMs, tariff } = await openPackage(dir, io);
    const statement = {
      ...said,
      city: office.cityId,
      packageHash: hash,
      validFromMs,
      atMs: office.nowMs,
    } satisfies TariffStatement;
    const envelope = signStatement(statement, privateKey);
    refuseUseless(envelope, statement, tariff.version_id, office);
    const path = writeSignature(office.places.dir, statement, envelope);
    io.stdout.write(
      `${officer} as ${role} signed to ${said.act} ${tariff.version_id} ${hash} from ${tariff.valid_from}\n${path}\n`,
    );
  }
  return EXIT.ok;
}

/**
 * A wrong name, role or key is told to whoever signs, not to the colleague who activates; where officers.yaml is not at hand,
 * that has to wait.
 * @throws OperatorError TARIFF_APPROVAL_REFUSED
 */
function refuseUseless(
  envelope: string,
  statement: TariffStatement,
  versionId: string,
  { places, nowMs }: TariffOffice,
): void {
  const officers = readOfficers(places.officersFile);
  if (officers.byId.size === 0) return;
  const problems = verifyStatement(envelope, statement, officers, nowMs);
  if (problems.length === 0) return;
  refuseApproval(
    statement.act,
    versionId,
    problems.map((code) => ({ code, officer: statement.officer })),
  );
}

const ACTIVATE_OPTIONS = { ...OFFICE_OPTIONS, date: { type: 'string' } } as const;

/** Checks the package and both signatures, and puts them where every engine of the city takes them from. */
export async function tariffActivate(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: ACTIVATE_OPTIONS });
  const { date } = values;
  if (date === undefined) throw new UsageError('write: kvytok tariff activate DIR --date YYYY-MM-DD');
  const dir = folderOf(positionals, io);
  const office = openTariffOffice(values, dir, io);
  const tariffPackage = await openPackage(dir, io);
  const { hash, tariff } = tariffPackage;
  if (date !== tariff.valid_from)
    refuseApproval('activate', tariff.version_id, [{ code: 'APPROVAL_OTHER_DATE' }]);
  const statements = signedFor(tariffPackage, 'activate', office, io);
  await putInPlace(dir, tariffPackage, office);
  writeApproval(office.places.dir, hash, 'activate', statements);
  io.stdout.write(`${tariff.version_id} ${hash} is activated from ${tariff.valid_from}\n`);
  return EXIT.ok;
}

/** Takes an activation back before its date; it takes two people as well. */
export async function tariffWithdraw(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OFFICE_OPTIONS });
  const dir = folderOf(positionals, io);
  const office = openTariffOffice(values, dir, io);
  const tariffPackage = await openPackage(dir, io);
  const { hash, tariff } = tariffPackage;
  writeApproval(office.places.dir, hash, 'withdraw', signedFor(tariffPackage, 'withdraw', office, io));
  io.stdout.write(`${tariff.version_id} ${hash} is withdrawn: it never prices\n`);
  return EXIT.ok;
}

function folderOf(positionals: readonly string[], io: CommandIo): string {
  const [folder, ...rest] = positionals;
  if (folder === undefined || rest.length > 0) throw new UsageError('name one folder of a tariff package');
  return resolve(io.cwd, folder);
}

/** The signatures that count; those that do not are named. @throws OperatorError TARIFF_APPROVAL_REFUSED */
function signedFor(
  { hash, validFromMs, tariff }: TariffPackage,
  act: TariffStatement['act'],
  { cityId, places, nowMs }: TariffOffice,
  io: CommandIo,
): readonly string[] {
  const statements = readSignatures(places.dir, hash, act);
  const subject = { act, city: cityId, packageHash: hash, validFromMs };
  const verdict = verifyApproval(statements, subject, readOfficers(places.officersFile), nowMs);
  if (!verdict.ok) return refuseApproval(act, tariff.version_id, verdict.problems);
  for (const problem of verdict.ignored) io.stderr.write(`does not count: ${approvalProblemText(problem)}\n`);
  return verdict.approvals.slice(0, STATEMENTS_MAX).map(({ envelope }) => envelope);
}

/** Among the city's packages, whole or not at all; a folder that is there already has the same bytes. */
async function putInPlace(dir: string, { hash, tariff }: TariffPackage, office: TariffOffice): Promise<void> {
  if (dirname(dir) === office.tariffDir) return;
  const place = join(office.tariffDir, basename(dir));
  if (existsSync(place)) {
    const there = await loadTariffFolder(place);
    if (there.ok && there.package.hash === hash) return;
    throw new OperatorError({
      code: 'TARIFF_FOLDER_TAKEN',
      happened: `There is another package in ${place} already.`,
      kept: `${tariff.version_id} was not activated; nothing was changed.`,
      todo: 'Give the folder a name of its own and activate again; the signatures stay good.',
    });
  }
  const partial = join(office.tariffDir, `.${basename(dir)}.new`);
  rmSync(partial, { recursive: true, force: true });
  cpSync(dir, partial, { recursive: true });
  renameSync(partial, place);
}
