/** `kvytok price`: the auditor's re-computation of an exported bundle, offline. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { FactBundle } from '../../fare-engine/pricing/fact-bundle.ts';
import {
  addToTotals,
  type BundleTotals,
  type RepricedLine,
  repriceBundle,
} from '../../fare-engine/pricing/reprice-bundle.ts';
import { LedgerComparer } from '../audit/compare-ledger.ts';
import { progressBar } from '../audit/progress-bar.ts';
import { readSealedLines } from '../audit/verify.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { lineWriter } from '../line-streams.ts';
import { readBundle } from '../read-bundle.ts';

export const usage = `Usage: kvytok price --facts BUNDLE [--log DIR [--key KEY]]

Prices an exported bundle without a network or a database: facts, closes, and tariffs by their hash, one JSON line each.
The same bundle always gives the same output: one line for each tap, then the sums per currency; lossMinor is
the part of riderMinor that came too late to be charged. A bar on standard error says how far it is. BUNDLE may be "-" for
standard input. With --log an exported audit log is verified first, and each line is set beside the decision that it has
sealed, to the smallest unit; the last line counts what differs (exit code 1) and what of open days was not sealed yet.
Exit code 65 when the bundle is not whole; the message names the line.
`;

const OPTIONS = {
  facts: { type: 'string' },
  log: { type: 'string' },
  key: { type: 'string', multiple: true },
} as const;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.facts === undefined) throw new UsageError('--facts BUNDLE is needed');
  const read = await readBundle(values.facts, io);
  if (!read.ok) {
    io.stderr.write(`${values.facts}: ${read.message}\nNothing was priced.\n`);
    return EXIT.data;
  }
  const ledger =
    values.log === undefined ? undefined : await openLedger(values.log, values.key, read.bundle, io);
  if (ledger === null) return EXIT.failed;
  const out = lineWriter(io.stdout);
  const totals = new Map<string, BundleTotals>();
  const taps = [...read.bundle.accounts.values()].reduce((sum, facts) => sum + facts.taps.length, 0);
  const bar = progressBar(io.stderr, 'pricing', taps);
  let done = 0;
  for (const priced of repriceBundle(read.bundle)) {
    addToTotals(totals, priced);
    ledger?.comparer.add(priced, ledger.isClosed(priced.line.tapId));
    if (!(await out.write(toJson(asOutput(priced))))) return EXIT.ok;
    bar.show(++done);
  }
  bar.end();
  for (const currency of [...totals.keys()].sort()) {
    await out.write(toJson({ kind: 'total', ...totals.get(currency) }));
  }
  if (ledger === undefined) return EXIT.ok;
  const { differing, ...compared } = ledger.comparer.end(ledger.fareDays);
  await out.write(toJson({ kind: 'ledger', ...ledger.log, ...compared, differing }));
  return differing === 0 ? EXIT.ok : EXIT.failed;
}

/** Verifies the log and takes out of it what it has sealed of the bundle's taps and days; `null` = stopped. */
async function openLedger(dir: string, keys: string[] | undefined, bundle: FactBundle, io: CommandIo) {
  const taps = [...bundle.accounts.values()].flatMap((facts) => facts.taps);
  const dayOf = new Map(taps.map((tap) => [tap.tapId, bundle.calendar.fareDayOf(tap.fareAtMs)]));
  const fareDays = new Set(dayOf.values());
  const sealed = await readSealedLines(
    { dir: resolve(io.cwd, dir), keys, wish: { taps: dayOf, fareDays } },
    io,
  );
  if (sealed === null) return null;
  const isClosed = (tapId: string): boolean => bundle.closes.has(dayOf.get(tapId) ?? '');
  return { comparer: new LedgerComparer(sealed.lines), fareDays, isClosed, log: sealed.log };
}

function asOutput({ accountId, line, lossMinor }: RepricedLine) {
  const { kind, ...rest } = line;
  return { kind: 'line', accountId, lineKind: kind, ...rest, lossMinor };
}

/** Money as digit strings. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? v.toString() : v));
}
