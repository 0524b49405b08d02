/** Runs a benchmark in a folder of its own, small, for what it finds and not for how fast it is. */
import { chmodSync } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import type { BenchContext, BenchResult } from '../../../cli/bench/bench.ts';
import { tempFolder } from '../../support/temp-folder.ts';

export interface Findings {
  readonly result: BenchResult;
  /** A figure by its name; NaN when there is none. */
  rate(name: string): number;
}

export async function findingsOf(run: (context: BenchContext) => Promise<BenchResult>): Promise<Findings> {
  const folder = tempFolder('bench');
  chmodSync(folder.path, 0o711);
  const io = {
    stdin: Readable.from([]),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    env: process.env,
    cwd: folder.path,
  };
  try {
    const signal = new AbortController().signal;
    const result = await run({ io, folder: folder.path, progress: () => {}, signal });
    return {
      result,
      rate: (name) => result.figures.find((figure) => figure.name === name)?.value ?? Number.NaN,
    };
  } finally {
    folder.remove();
  }
}
