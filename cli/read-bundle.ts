/** Reads an exported bundle of facts from a file or standard input, for the commands that price one. */
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { BUNDLE_LINE_CHARS_MAX, type FactBundle, FactBundleReader } from '#pricing/fact-bundle.ts';
import type { CommandIo } from './command.ts';
import { readLines } from './line-streams.ts';

export type ReadBundle =
  | { readonly ok: true; readonly bundle: FactBundle }
  | { readonly ok: false; readonly message: string };

/** `path` "-" is standard input. A bundle is whole or it is refused; the message names the line. */
export async function readBundle(path: string, io: CommandIo): Promise<ReadBundle> {
  const reader = new FactBundleReader();
  const stream = path === '-' ? io.stdin : createReadStream(resolve(io.cwd, path));
  const fail = (message: string): ReadBundle => ({ ok: false, message });
  let number = 0;
  try {
    for await (const line of readLines(stream, BUNDLE_LINE_CHARS_MAX)) {
      number++;
      if (!line.ok)
        return fail(
          `line ${number}: ${line.why === 'too-long' ? `${line.bytes} bytes are too long` : 'not UTF-8'}`,
        );
      const problem = reader.add(line.text);
      if (problem) return fail(`line ${problem.line}: ${problem.message}`);
    }
  } catch (error) {
    return fail(`cannot be read: ${(error as Error).message}`);
  }
  const read = reader.end();
  return read.ok ? read : fail(`line ${read.problem.line}: ${read.problem.message}`);
}
