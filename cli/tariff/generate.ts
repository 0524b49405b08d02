/** `kvytok tariff generate`: category rows of fare_products.txt that follow from the rows of law. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { formatFileProblem } from '#pricing/file-problem.ts';
import { generateCategoryRows } from '../../fare-engine/tariff-life/generate-rows.ts';
import { loadTariffFolder } from '../../fare-engine/tariffs/load-tariff.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

/** Prints the whole file, or with --write puts it in place; a package with errors is left as it is. */
export async function tariffGenerate(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { write: { type: 'boolean', default: false } },
  });
  const [folder, ...rest] = positionals;
  if (folder === undefined || rest.length > 0)
    throw new UsageError('write: kvytok tariff generate DIR [--write]');
  const dir = resolve(io.cwd, folder);
  const read = await loadTariffFolder(dir);
  for (const problem of read.problems) io.stderr.write(`${formatFileProblem(problem)}\n`);
  if (!read.ok) return EXIT.failed;
  const path = join(dir, 'fare_products.txt');
  const { text, added } = generateCategoryRows(readFileSync(path, 'utf8'), read.package);
  if (!values.write) io.stdout.write(text);
  else if (added > 0) writeFileAtomic(path, text, { mode: 0o644 });
  io.stderr.write(
    `${added} rows follow from rows of law${values.write ? '' : ' (--write puts them into the file)'}\n`,
  );
  return EXIT.ok;
}
