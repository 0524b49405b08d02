/** `kvytok import check` and `apply`. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { formatMoney } from '#contracts/money.ts';
import { OperatorError } from '#platform/errors.ts';
import { openImportStage } from '../../fare-engine/adapters/import-store.ts';
import { readImportTable } from '../../fare-engine/adapters/import-table.ts';
import { IMPORT_FILES } from '../../fare-engine/import/import-files.ts';
import { formatImportProblem } from '../../fare-engine/import/problems.ts';
import { type ImportReport, runImport } from '../../fare-engine/import/run-import.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { openImportCity } from './import-city.ts';
import { openTokenOf } from './token-of.ts';

export interface ImportOptions {
  readonly by?: string | undefined;
  readonly id?: string | undefined;
  readonly system?: string | undefined;
  readonly 'token-key'?: string | undefined;
  readonly 'token-key-version'?: string | undefined;
  readonly json?: boolean | undefined;
  readonly data?: string | undefined;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Exit 0: applied, known already, or good; 65: the files have problems. */
export async function runImportCommand(
  verb: 'check' | 'apply',
  folder: string,
  options: ImportOptions,
  io: CommandIo,
): Promise<number> {
  const { id = '', system = '', by = '' } = options;
  if (!NAME.test(id) || !NAME.test(system))
    throw new UsageError('--id ID and --system NAME are needed: small letters, digits and -');
  if (verb === 'apply' && !/^\P{Cc}{1,200}$/u.test(by)) throw new UsageError('--by WHO is needed');
  const dir = resolve(io.cwd, folder);
  const tokenOf = openTokenOf(
    options['token-key'] && resolve(io.cwd, options['token-key']),
    options['token-key-version'],
  );
  const { pool, cityDir, nowMs } = openAuditDatabase(options.data, io, 'fare_runtime');
  try {
    const { terms } = await openImportCity(cityDir, tokenOf, nowMs());
    const client = await pool.connect();
    const progress = progressOn(io);
    const stage = await openImportStage(client, { nowMs });
    try {
      const report =
        stage === undefined
          ? 'another-import'
          : await runImport(
              {
                commandId: randomUUID(),
                importId: id,
                system,
                by,
                apply: verb === 'apply',
                terms,
                strangers: strangersIn(dir),
                readTable: async (form, onRow, onProblem) => {
                  const path = join(dir, form.file);
                  return existsSync(path) ? readImportTable(path, form, onRow, onProblem) : undefined;
                },
                onProgress: progress.tick,
              },
              stage,
            );
      progress.end();
      if (typeof report === 'string') throw refusalOf(report, dir, id);
      io.stdout.write(options.json === true ? toJson(report) : reportText(report));
      return report.outcome === 'refused' ? EXIT.data : EXIT.ok;
    } finally {
      // Where the database is gone, the next start of a fare engine or the next import empties the stage.
      await stage?.close().catch(() => {});
      // Ends the session, and with it its place at the stage.
      client.release(true);
    }
  } finally {
    await pool.end();
  }
}

/** Tables by their names, in whatever letters (`Balances.CSV`, `balances.csv.txt`); folders and notes are left alone. */
function strangersIn(dir: string): string[] {
  if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && /^[^.].*\.(csv|tsv|xlsx?)/i.test(entry.name))
    .map(({ name }) => name)
    .filter((name) => !(IMPORT_FILES as readonly string[]).includes(name))
    .sort();
}

const REFUSALS = {
  'no-files': (dir: string) => ({
    code: 'IMPORT_FOLDER_EMPTY',
    happened: `The folder ${dir} has none of the files of an import.`,
    todo: 'Put accounts.csv and the others there; docs/IMPORT.md describes them.',
  }),
  'key-reused': (_dir: string, id: string) => ({
    code: 'IMPORT_ID_REUSED',
    happened: `Other files were applied under the id ${id} before.`,
    todo: 'Give this import an id of its own, or the files that were applied.',
  }),
  'another-import': () => ({
    code: 'IMPORT_RUNNING',
    happened: 'Another import or check is at work in this city.',
    todo: 'Wait for its end; if its machine died, the database lets it go when it notices.',
  }),
  'city-changed': () => ({
    code: 'IMPORT_CITY_CHANGED',
    happened: 'Each time the files had been looked at, the city had come to know something else of them.',
    todo: 'Apply it at a quieter hour, or stop the desk that works on the same cards.',
  }),
};

function refusalOf(why: keyof typeof REFUSALS, dir: string, id: string): OperatorError {
  return new OperatorError({ ...REFUSALS[why](dir, id), kept: 'Nothing was changed.' });
}

function progressOn(io: CommandIo) {
  const tty = (io.stderr as { isTTY?: boolean }).isTTY === true;
  let said = false;
  return {
    tick: (file: string, rows: number): void => {
      if (!tty) return;
      said = true;
      io.stderr.write(`\r${file}: ${rows} rows `);
    },
    end: (): void => void (said && io.stderr.write('\n')),
  };
}

const OUTCOMES: Readonly<Record<ImportReport['outcome'], string>> = {
  applied: 'Applied: all of it is written.',
  known: 'Applied before with these very files: nothing was changed.',
  checked: 'Good: nothing was written. "kvytok import apply" writes it.',
  refused: 'Refused: nothing was written.',
};

function reportText({
  importId,
  system,
  outcome,
  files,
  sums,
  problems,
  problemCount,
}: ImportReport): string {
  const money = (amountMinor: bigint, currency: string) => formatMoney({ amountMinor, currency }, 'en');
  const lines = [
    `Import ${importId} from ${system}`,
    ...files.map(
      (one) =>
        `  ${one.file.padEnd(17)} ${one.rows} rows: ${one.new} new, ${one.known} known; SHA-256 ${one.sha256}`,
    ),
    ...sums.map(
      ({ file, currency, creditMinor, debtMinor }) =>
        `  ${file.padEnd(17)} new in ${currency}: paid in advance ${money(creditMinor, currency)}, owed ${money(debtMinor, currency)}`,
    ),
    ...problems.map(formatImportProblem),
    ...(problemCount > problems.length ? [`… and ${problemCount - problems.length} more problems`] : []),
    OUTCOMES[outcome],
  ];
  return `${lines.join('\n')}\n`;
}

export function toJson(value: unknown): string {
  return `${JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? v.toString() : v), 2)}\n`;
}
