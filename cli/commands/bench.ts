/** `kvytok bench`: measures real parts, with ratios against a peer in the same run. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { nearest } from '#platform/config.ts';
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import type { BenchContext, BenchEntry, BenchReport } from '../bench/bench.ts';
import { BENCHES } from '../bench/benches.ts';
import { machineText } from '../bench/machine-text.ts';
import { reportText } from '../bench/report-text.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

export const usage = `Usage: kvytok bench NAME [options of NAME] [--json FILE]

Measures real parts on this machine, in a folder of its own that is removed afterwards. Figures that are compared with a
peer are ratios of one run; absolute ones drift with the machine. The exit code is 1 when the result was not exact.

${BENCHES.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join('\n')}

  --json FILE   write the report as JSON too ("-": to standard output in place of the table)

kvytok bench NAME --options says what NAME takes.
`;

export async function run(
  args: string[],
  io: CommandIo,
  benches: readonly BenchEntry[] = BENCHES,
): Promise<number> {
  const { name, json, rest } = splitArguments(args);
  const entry = benches.find((bench) => bench.name === name);
  if (entry === undefined) throw new UsageError(unknownBench(name, benches));
  const module = await entry.load();
  if (rest.includes('--options')) {
    io.stdout.write(`${module.usage.trimEnd()}\n`);
    return EXIT.ok;
  }
  const folder = mkdtempSync(join(tmpdir(), 'kvytok-bench-'));
  // As root the database runs under another user, who has to pass through.
  chmodSync(folder, 0o711);
  const stopping = new AbortController();
  const signals = onSignals(createLogger({ component: 'bench', level: 'warn' }));
  void signals.received.then(() => stopping.abort());
  const context: BenchContext = {
    io,
    folder,
    progress: (text) => void io.stderr.write(`${text}\n`),
    signal: stopping.signal,
  };
  const startedAt = new Date().toISOString();
  const began = performance.now();
  try {
    const result = await module.run(rest, context);
    stopping.signal.throwIfAborted();
    const seconds = Number(((performance.now() - began) / 1000).toFixed(1));
    const report: BenchReport = {
      v: 1,
      bench: entry.name,
      startedAt,
      seconds,
      machine: machineText(),
      ...result,
    };
    publish(report, json, io);
    return report.exact ? EXIT.ok : EXIT.failed;
  } catch (error) {
    // What is interrupted fails in its own way: an aborted process, a closed database.
    if (!stopping.signal.aborted) throw error;
    io.stderr.write('stopped: nothing was measured, and its folder is removed\n');
    return EXIT.failed;
  } finally {
    signals.forget();
    rmSync(folder, { recursive: true, force: true });
  }
}

function splitArguments(args: readonly string[]): { name?: string; json?: string; rest: string[] } {
  const [name, ...rest] = args;
  const at = rest.indexOf('--json');
  if (at === -1) return { ...(name !== undefined && { name }), rest };
  const json = rest[at + 1];
  if (json === undefined) throw new UsageError('--json needs a FILE');
  rest.splice(at, 2);
  return { ...(name !== undefined && { name }), json, rest };
}

function unknownBench(name: string | undefined, benches: readonly BenchEntry[]): string {
  const names = benches.map((bench) => bench.name);
  if (name === undefined || name.startsWith('-')) return `which one? ${names.join(', ')}`;
  const near = nearest(name, names);
  return `there is no benchmark ${JSON.stringify(name.slice(0, 40))}${near === undefined ? '' : `; was ${near} meant?`}`;
}

function publish(report: BenchReport, json: string | undefined, io: CommandIo): void {
  const text = `${JSON.stringify(report, null, 2)}\n`;
  if (json === '-') {
    io.stdout.write(text);
    return;
  }
  if (json !== undefined) writeFileAtomic(resolve(io.cwd, json), text);
  io.stdout.write(reportText(report));
}
