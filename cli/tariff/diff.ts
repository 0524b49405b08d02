/** `kvytok tariff diff`: what a rider meets when one package follows another. */
import { resolve } from 'node:path';
import type { Language } from '#contracts/reason-codes.ts';
import { formatFileProblem } from '#pricing/file-problem.ts';
import { readTariffPackage, type TariffPackage } from '#pricing/tariff-package.ts';
import { type ComparedTariff, compareWhole } from '../../fare-engine/tariff-life/compare.ts';
import { diffTexts } from '../../fare-engine/tariff-life/diff-text.ts';
import { readPackageFiles } from '../../fare-engine/tariffs/load-tariff.ts';
import { type CommandIo, EXIT } from '../command.ts';

/** A package with its files, or `undefined` after its problems were printed. */
async function readWhole(dir: string, io: CommandIo): Promise<ComparedTariff | undefined> {
  const found = await readPackageFiles(resolve(io.cwd, dir));
  const read =
    'problem' in found ? { ok: false as const, problems: [found.problem] } : readTariffPackage(found.files);
  if (read.ok && 'files' in found) return { tariff: read.package, files: found.files };
  // Problems of a file are told by its name alone, those of the folder by its path.
  const place = 'problem' in found ? '' : `${dir}/`;
  for (const problem of read.problems) io.stderr.write(`${place}${formatFileProblem(problem)}\n`);
  return undefined;
}

/** A package, or `undefined` after its problems were printed. */
export async function readPackage(dir: string, io: CommandIo): Promise<TariffPackage | undefined> {
  return (await readWhole(dir, io))?.tariff;
}

/** Prints the changes: sentences, or one JSON object a line. */
export async function diffTariffs(
  dirs: { readonly older: string; readonly newer: string },
  { language, json }: { readonly language: Language; readonly json: boolean },
  io: CommandIo,
): Promise<number> {
  const older = await readWhole(dirs.older, io);
  const newer = await readWhole(dirs.newer, io);
  if (!older || !newer) return EXIT.failed;
  const changes = compareWhole(older, newer);
  const lines = json ? changes.map(toJson) : diffTexts(older.tariff, newer.tariff, changes, language);
  for (const line of lines) io.stdout.write(`${line}\n`);
  return EXIT.ok;
}

function toJson(value: object): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item));
}
