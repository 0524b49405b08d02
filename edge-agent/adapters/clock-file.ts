/**
 * The file in which a device remembers its last sync and its boot. A lost or damaged file costs a sync, no more: the
 * device asks the city again.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { BootId } from '#contracts/ids.ts';
import { decodeJson, parserOf } from '#contracts/parse.ts';
import { ClockEvidence } from '#contracts/record.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import { systemCode } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import type { SavedClock } from '../clock-evidence.ts';

const Saved = Type.Object({
  v: Type.Literal(1),
  machineBootId: Type.Union([BootId, Type.Null()]),
  resets: Type.Integer({ minimum: 0 }),
  monoMs: Type.Integer({ minimum: 0 }),
  sync: Type.Union([ClockEvidence.properties.sync, Type.Null()]),
});
const parseSaved = parserOf(Saved);
const FILE_BYTES_MAX = 4096;

const fileOf = (dir: string): string => join(dir, 'last-sync.json');

/** What was remembered; undefined when nothing usable is there. */
export function readClockFile(dir: string, log: Logger): SavedClock | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(fileOf(dir));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT')
      log.warn({ reason: (error as Error).message }, 'edge.last-sync.unreadable');
    return undefined;
  }
  const json = decodeJson(bytes, FILE_BYTES_MAX);
  const saved = json.ok ? parseSaved(json.value) : json;
  if (saved.ok) return saved.value as SavedClock;
  log.warn({ file: fileOf(dir) }, 'edge.last-sync.damaged: the city is asked anew');
  return undefined;
}

/** Remembers. A disk that refuses is told in the log; the device goes on with what it has in mind. */
export function writeClockFile(dir: string, saved: SavedClock, log: Logger): void {
  try {
    writeFileAtomic(fileOf(dir), `${JSON.stringify(saved)}\n`);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    log.warn({ reason: (error as Error).message }, 'edge.last-sync.not-written');
  }
}
