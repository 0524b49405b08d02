/** `kvytok tariff diff`: what a rider meets when one package follows another. */
import { resolve } from 'node:path';
import type { Language } from '#contracts/reason-codes.ts';
import { formatFileProblem } from '#pricing/file-problem.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { compareTariffs } from '../../fare-engine/tariff-life/compare.ts';
import { diffTexts } from '../../fare-engine/tariff-life/diff-text.ts';
import { loadTariffFolder } from '../../fare-engine/tariffs/load-tariff.ts';
import { type CommandIo, EXIT } from '../command.ts';

/** A package, or `undefined` after its problems were printed. */
export async function readPackage(dir: string, io: CommandIo): Promise<TariffPackage | undefined> {
  const read = await loadTariffFolder(resolve(io.cwd, dir));
  if (read.ok) return read.package;
  for (const problem of read.problems) io.stderr.write(`${dir}/${formatFileProblem(problem)}\n`);
  return undefined;
}

/** Prints the changes: sentences, or one JSON object a line. */
export async function diffTariffs(
  dirs: { readonly older: string; readonly newer: string },
  { language, json }: { readonly language: Language; readonly json: boolean },
  io: CommandIo,
): Promise<number> {
  const older = await readPackage(dirs.older, io);
  const newer = await readPackage(dirs.newer, io);
  if (!older || !newer) return EXIT.failed;
  const changes = compareTariffs(older, newer);
  const lines = json ? changes.map(toJson) : diffTexts(older, newer, changes, language);
  for (const line of lines) io.stdout.write(`${line}\n`);
  return EXIT.ok;
}

function toJson(value: object): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item));
}
