/** `kvytok tariff simulate`: past taps under a draft, from a bundle or out of a database; writes a page, changes nothing else. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Language } from '#contracts/reason-codes.ts';
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import { type BundleProblem, type FactBundle, FactBundleReader } from '#pricing/fact-bundle.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import {
  type Simulation,
  type SimulationRefusal,
  type SimulationScope,
  simulateDraft,
} from '../../fare-engine/tariff-life/simulate.ts';
import { simulationPage } from '../../fare-engine/tariff-life/simulation-page.ts';
import { simulationPicture } from '../../fare-engine/tariff-life/simulation-picture.ts';
import { publicTables, wholeTables } from '../../fare-engine/tariff-life/simulation-tables.ts';
import { say, simulationLines } from '../../fare-engine/tariff-life/simulation-text.ts';
import { exportCityFacts } from '../audit/export-facts-file.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { type ReadBundle, readBundle } from '../read-bundle.ts';
import { readPackage } from './diff.ts';

export interface SimulateOptions {
  readonly draft: string;
  /** A bundle, or `undefined` = the database of a running city or of the environment. */
  readonly facts: string | undefined;
  /** Where that database's data folder and the city's own folder are. */
  readonly data: string | undefined;
  readonly city: string | undefined;
  /** Where the page is written; `undefined` = beside the bundle. */
  readonly report: string | undefined;
  /** Where the picture alone is written; `undefined` = nowhere. */
  readonly picture: string | undefined;
  readonly scope: SimulationScope;
  readonly language: Language;
  readonly json: boolean;
  /** To be handed out: no small group alone. */
  readonly forPublic: boolean;
}

const REFUSALS: Readonly<Record<SimulationRefusal, string>> = {
  currency: 'the draft has another currency than the tariffs of the bundle: amounts cannot be compared',
  'no-taps': 'no tap lies on these days: there is nothing to compare',
  'no-tariff': 'the bundle carries no tariff that prices: there is nothing to compare with',
};

/** Accounts between two looks at the clock of the reader and at Ctrl-C. */
const ACCOUNTS_AT_ONCE = 200;

/** Prints the tables and writes the page; exit code 65 for a bundle that is not whole, 1 when stopped. */
export async function simulateTariff(options: SimulateOptions, io: CommandIo): Promise<number> {
  const { facts, language, json } = options;
  const draft = await readPackage(options.draft, io);
  if (!draft) return EXIT.failed;
  const read = facts === undefined ? await readFacts(options, io) : await readBundle(facts, io);
  const fail = (message: string) => {
    io.stderr.write(`${facts ?? 'database'}: ${message}\nNothing was simulated.\n`);
    return EXIT.data;
  };
  if (!read.ok) return fail(read.message);
  const simulated = await walk(read.bundle, draft, options.scope, io);
  if (simulated === 'stopped') {
    io.stderr.write('Stopped: nothing was written.\n');
    return EXIT.failed;
  }
  if (typeof simulated === 'string') return fail(REFUSALS[simulated]);
  const tables = options.forPublic ? publicTables(simulated) : wholeTables(simulated);
  if (!tables) {
    io.stdout.write(json ? '{"tooFew":true}\n' : `${say('tooFew', language)}\n`);
    return EXIT.ok;
  }
  const beside = facts === undefined || facts === '-' ? 'simulation.html' : `${facts}.simulation.html`;
  const report = resolve(io.cwd, options.report ?? beside);
  await writeFile(report, simulationPage(tables, draft, language));
  if (options.picture !== undefined)
    await writeFile(resolve(io.cwd, options.picture), simulationPicture(tables, draft, language));
  if (json) io.stdout.write(`${toJson({ draft: draft.hash, ...tables, report })}\n`);
  else io.stdout.write(`${[...simulationLines(tables, draft, language), '', report].join('\n')}\n`);
  return EXIT.ok;
}

/** The facts of these days out of a database, as an export has them. */
async function readFacts({ scope, data, city }: SimulateOptions, io: CommandIo): Promise<ReadBundle> {
  const { fromDay, untilDay } = scope;
  if (fromDay === null || untilDay === null)
    throw new UsageError('--from DATE and --until DATE say which days are taken out of the database');
  const { pool, cityDir } = openAuditDatabase(data, io);
  try {
    const dir = city === undefined ? cityDir : resolve(io.cwd, city);
    if (dir === null) throw new UsageError('--city DIR is needed to find the tariffs');
    const reader = new FactBundleReader();
    let problem: BundleProblem | undefined;
    await exportCityFacts(pool, dir, { fromDay, untilDay }, async (line) => {
      problem ??= reader.add(line);
    });
    const end = problem ? { ok: false as const, problem } : reader.end();
    return end.ok ? end : { ok: false, message: `line ${end.problem.line}: ${end.problem.message}` };
  } finally {
    await pool.end();
  }
}

async function walk(
  bundle: FactBundle,
  draft: TariffPackage,
  scope: SimulationScope,
  io: CommandIo,
): Promise<Simulation | SimulationRefusal | 'stopped'> {
  const stopping = new AbortController();
  const signals = onSignals(createLogger({ component: 'simulate', level: 'warn' }));
  void signals.received.then(() => stopping.abort());
  const total = bundle.accounts.size;
  let told = 0;
  try {
    const walking = simulateDraft(bundle, draft, scope);
    for (;;) {
      const step = walking.next();
      if (step.done) return step.value;
      const percent = Math.floor((step.value * 10) / total) * 10;
      if (percent > told && total > ACCOUNTS_AT_ONCE) {
        told = percent;
        io.stderr.write(`${percent} % of ${total} accounts\n`);
      }
      if (step.value % ACCOUNTS_AT_ONCE === 0) await breathe();
      if (stopping.signal.aborted) return 'stopped';
    }
  } finally {
    signals.forget();
  }
}

function toJson(value: object): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item));
}
