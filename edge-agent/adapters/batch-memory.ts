/** Which lines of a batch are done: a small file in the device folder, old or new after a power cut, never half. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Sha256Hex } from '#contracts/ids.ts';
import { decodeJson, parserOf } from '#contracts/parse.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { OperatorError } from '#platform/errors.ts';
import type { BatchMemory } from '../issue/order-book.ts';

const FILE_BYTES_MAX = 1024 * 1024;
const parseMemory = parserOf(
  Type.Object({
    v: Type.Literal(1),
    sha256: Sha256Hex,
    done: Type.Array(Type.Integer({ minimum: 1 }), { maxItems: 100_000 }),
  }),
);

/**
 * Opens the memory of a batch.
 * @throws OperatorError BATCH_CHANGED when the batch of this name had other bytes: its lines are other cards.
 */
export function openBatchMemory(deviceDir: string, name: string, sha256: string): BatchMemory {
  const dir = join(deviceDir, 'batches');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, `${name}.json`);
  const lines = existsSync(path) ? readMemory(path, name, sha256) : new Set<number>();
  return {
    done: () => lines,
    add(line) {
      writeFileAtomic(path, `${JSON.stringify({ v: 1, sha256, done: [...lines, line] })}\n`);
      lines.add(line);
    },
  };
}

function readMemory(path: string, name: string, sha256: string): Set<number> {
  const json = decodeJson(readFileSync(path), FILE_BYTES_MAX);
  const memory = json.ok ? parseMemory(json.value) : json;
  if (memory.ok && memory.value.sha256 === sha256) return new Set(memory.value.done);
  throw new OperatorError({
    code: 'BATCH_CHANGED',
    happened: `The batch ${name} was begun with another file: ${memory.ok ? 'its bytes have changed' : `${path} cannot be read`}.`,
    kept: 'No card was touched; what was issued stays issued.',
    todo: 'Go on with the file as it was, or give the new one another name.',
  });
}
