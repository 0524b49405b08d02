/** `kvytok tariff simulate`: past taps under a draft. Reads files, writes a picture, touches no database. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import type { Language } from '#contracts/reason-codes.ts';
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import type { FactBundle } from '#pricing/fact-bundle.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import {
  type Simulation,
  type SimulationRefusal,
  type SimulationScope,
  simulateDraft,
} from '../../fare-engine/tariff-life/simulate.ts';
import { simulationPicture } from '../../fare-engine/tariff-life/simulation-picture.ts';
import { tablesOf } from '../../fare-engine/tariff-life/simulation-tables.ts';
import { say, simulationLines } from '../../fare-engine/tariff-life/simulation-text.ts';
import { type CommandIo, EXIT } from '../command.ts';
import { readBundle } from '../read-bundle.ts';
import { readPackage } from './diff.ts';

export interface SimulateOptions {
  readonly draft: string;
  readonly facts: string;
  /** Where the picture is written; `undefined` = beside the bundle. */
  readonly picture: string | undefined;
  readonly scope: SimulationScope;
  readonly language: Language;
  readonly json: boolean;
}

const REFUSALS: Readonly<Record<SimulationRefusal, string>> = {
  currency: 'the draft has another currency than the tariffs of the bundle: amounts cannot be compared',
  'no-tariff': 'the bundle carries no tariff that prices: there is nothing to compare with',
};

/** Accounts between two looks at the clock of the reader and at Ctrl-C. */
const ACCOUNTS_AT_ONCE = 200;

/** Prints the tables and writes the picture; exit code 65 for a bundle that is not whole, 1 when stopped. */
export async function simulateTariff(options: SimulateOptions, io: CommandIo): Promise<number> {
  const { facts, language, json } = options;
  const draft = await readPackage(options.draft, io);
  if (!draft) return EXIT.failed;
  const read = await readBundle(facts, io);
  const fail = (message: string) => {
    io.stderr.write(`${facts}: ${message}\nNothing was simulated.\n`);
    return EXIT.data;
  };
  if (!read.ok) return fail(read.message);
  const simulated = await walk(read.bundle, draft, options.scope, io);
  if (simulated === 'stopped') {
    io.stderr.write('Stopped: nothing was written.\n');
    return EXIT.failed;
  }
  if (typeof simulated === 'string') return fail(REFUSALS[simulated]);
  const tables = tablesOf(simulated);
  if (!tables) {
    io.stdout.write(json ? '{"tooFew":true}\n' : `${say('tooFew', language)}\n`);
    return EXIT.ok;
  }
  const beside = facts === '-' ? 'simulation.svg' : `${facts}.simulation.svg`;
  const picture = resolve(io.cwd, options.picture ?? beside);
  await writeFile(picture, simulationPicture(tables, draft, language));
  if (json) io.stdout.write(`${toJson({ draft: draft.hash, ...tables, picture })}\n`);
  else io.stdout.write(`${[...simulationLines(tables, draft, language), '', picture].join('\n')}\n`);
  return EXIT.ok;
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
