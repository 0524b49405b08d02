/** What the verbs of tariff officers share: which city, whose signatures count, what time it is there, which package. */
import { basename, dirname, join, resolve } from 'node:path';
import type { TariffStatement } from '#contracts/tariff-approval.ts';
import { savedCityMs } from '#platform/city-clock.ts';
import { loadCity } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import { formatFileProblem, hasErrors } from '#pricing/file-problem.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { type ApprovalPlaces, placesOf } from '../../fare-engine/adapters/approval-files.ts';
import { APPROVAL_REFUSALS, type ApprovalProblem } from '../../fare-engine/tariff-life/verify-approval.ts';
import { loadTariffFolder } from '../../fare-engine/tariffs/load-tariff.ts';
import { dataFolderOf } from '../city/city-arguments.ts';
import { findRunningCity } from '../city/running-file.ts';
import type { CommandIo } from '../command.ts';

export interface OfficeValues {
  readonly data?: string | undefined;
  readonly city?: string | undefined;
  readonly officers?: string | undefined;
  readonly approvals?: string | undefined;
}

/** Options that name the city. */
export const OFFICE_OPTIONS = {
  data: { type: 'string' },
  city: { type: 'string' },
  officers: { type: 'string' },
  approvals: { type: 'string' },
} as const;

export interface TariffOffice {
  readonly cityId: string;
  /** Folder with a folder for each package. */
  readonly tariffDir: string;
  readonly places: ApprovalPlaces;
  readonly nowMs: number;
}

/**
 * The running simulated city of a data folder, with its clock and its test officers; or a city's own folder, by default the
 * one in which the package lies.
 */
export function openTariffOffice(values: OfficeValues, packageDir: string, io: CommandIo): TariffOffice {
  const running = values.data === undefined ? null : dataFolderOf(values.data, io);
  const cityDir = running === null ? cityDirOf(values, packageDir, io) : findRunningCity(running).cityDir;
  const own = placesOf(running ?? cityDir);
  return {
    cityId: loadCity(cityDir).city.id,
    tariffDir: join(cityDir, 'tariff'),
    places: {
      officersFile: values.officers === undefined ? own.officersFile : resolve(io.cwd, values.officers),
      dir: values.approvals === undefined ? own.dir : resolve(io.cwd, values.approvals),
    },
    nowMs: running === null ? Date.now() : savedCityMs(join(running, 'city-clock.json')),
  };
}

function cityDirOf(values: OfficeValues, packageDir: string, io: CommandIo): string {
  return values.city === undefined ? dirname(dirname(packageDir)) : resolve(io.cwd, values.city);
}

/**
 * A package that may be signed for, with its warnings shown.
 * @throws OperatorError TARIFF_INVALID, TARIFF_IS_DRAFT
 */
export async function openPackage(dir: string, io: CommandIo): Promise<TariffPackage> {
  const read = await loadTariffFolder(dir);
  for (const problem of read.problems) io.stderr.write(`${formatFileProblem(problem)}\n`);
  if (!read.ok || hasErrors(read.problems)) {
    throw new OperatorError({
      code: 'TARIFF_INVALID',
      happened: `The tariff package in ${dir} has errors.`,
      kept: 'Nothing was signed or activated.',
      todo: 'Mend what is named above; kvytok tariff check shows it again.',
    });
  }
  if (read.package.tariff.status !== 'draft') return read.package;
  throw new OperatorError({
    code: 'TARIFF_IS_DRAFT',
    happened: `The tariff package ${basename(dir)} is a draft: it would price nothing.`,
    kept: 'Nothing was signed or activated.',
    todo: 'Set status: in-force in tariff.yaml (its hash changes), check it again, then sign.',
  });
}

/** Who signed, and why it does not count. */
export function approvalProblemText({ code, officer }: ApprovalProblem): string {
  return `${code}${officer === undefined ? '' : ` (${officer})`}: ${APPROVAL_REFUSALS[code]}`;
}

/** @throws OperatorError TARIFF_APPROVAL_REFUSED always */
export function refuseApproval(
  act: TariffStatement['act'],
  versionId: string,
  problems: readonly ApprovalProblem[],
): never {
  const told = problems.map(approvalProblemText);
  throw new OperatorError({
    code: 'TARIFF_APPROVAL_REFUSED',
    happened: `The signatures do not suffice to ${act} ${versionId}. ${told.join('; ')}.`,
    kept: 'Nothing was changed; prices go on as they are.',
    todo: 'Let an author and an approver of officers.yaml sign this package for this date (kvytok tariff sign).',
  });
}
