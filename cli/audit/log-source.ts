/** Where a log is read from: a folder that was exported, or an address that publishes it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HASH_BYTES, TILE_WIDTH, tilePath } from '#contracts/audit-log.ts';
import { NOTE_BYTES_MAX } from '#contracts/signed-note.ts';
import { OperatorError } from '#platform/errors.ts';
import type { ReadLog } from '../../fare-engine/audit/verify-log.ts';

export interface LogSource {
  /** For messages. */
  readonly name: string;
  /** The latest checkpoint, a signed note. @throws OperatorError AUDIT_LOG_UNREADABLE */
  checkpoint(): Promise<string>;
  readonly tile: ReadLog;
}

/** Largest bundle: 256 entries of 65,535 bytes with their lengths. */
const BUNDLE_BYTES_MAX = TILE_WIDTH * 65_537;
/** Nobody waits for it at a screen; a portal that has much to do may take its time. */
const FETCH_MS_MAX = 60_000;

/** A folder as `kvytok audit export --log` writes it. */
export function folderSource(dir: string): LogSource {
  const read = async (path: string): Promise<Buffer | null> => {
    try {
      return await readFile(join(dir, path));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw unreadable(join(dir, path), (error as Error).message);
    }
  };
  return {
    name: dir,
    async checkpoint() {
      const bytes = await read('checkpoint');
      if (bytes === null) throw unreadable(dir, 'there is no file named checkpoint in it');
      return bytes.toString('utf8');
    },
    tile: (name) => read(tilePath(name)),
  };
}

/** An address under which a portal, or anybody's copy, publishes checkpoint and tiles. */
export function addressSource(address: string, get: typeof fetch = fetch): LogSource {
  const base = address.replace(/\/+$/, '');
  const read = async (path: string, bytesMax: number): Promise<Buffer | null> => {
    const url = `${base}/${path}`;
    try {
      const response = await get(url, { signal: AbortSignal.timeout(FETCH_MS_MAX), redirect: 'error' });
      if (response.status === 404) return null;
      if (!response.ok) throw new Error(`status ${response.status}`);
      return await boundedBody(response, bytesMax);
    } catch (error) {
      throw unreadable(url, (error as Error).message);
    }
  };
  return {
    name: address,
    async checkpoint() {
      const bytes = await read('checkpoint', NOTE_BYTES_MAX);
      if (bytes === null) throw unreadable(`${base}/checkpoint`, 'there is no checkpoint yet');
      return bytes.toString('utf8');
    },
    tile: (name) =>
      read(tilePath(name), name.level === 'entries' ? BUNDLE_BYTES_MAX : TILE_WIDTH * HASH_BYTES),
  };
}

async function boundedBody(response: Response, bytesMax: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > bytesMax) throw new Error(`more than ${bytesMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function unreadable(what: string, problem: string): OperatorError {
  return new OperatorError({
    code: 'AUDIT_LOG_UNREADABLE',
    happened: `The audit log cannot be read from ${what}: ${problem}.`,
    kept: 'Nothing was changed and nothing was found out.',
    todo: 'Give the folder that kvytok audit export --log wrote, or the address at which the log is published (…/audit).',
  });
}
