/** The writer of a backup's log: a segment of which the server was told "durable" is finished, whenever the end comes. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { type BackupFolder, openBackupFolder } from '#platform/backup/backup-folder.ts';
import { SEGMENT_BYTES, segmentName } from '#platform/backup/log-position.ts';
import { createWalWriter, finishWholeSegments } from '#platform/backup/wal-writer.ts';
import { noProbe } from '#platform/probe.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const SEGMENT = Number(SEGMENT_BYTES);
const name = segmentName(1, 3n);
const begins = 3n * SEGMENT_BYTES;
let place: { path: string; remove(): void } | undefined;
afterEach(() => place?.remove());

function newFolder(): BackupFolder {
  place = tempFolder('wal');
  return openBackupFolder(place.path, true);
}

test('an end in the middle of finishing waits until the segment is whole', async () => {
  const folder = newFolder();
  const writer = createWalWriter(folder.wal, 1, begins, noProbe);
  const written = writer.write(begins, Buffer.alloc(SEGMENT, 7));
  while (writer.durable() < begins + SEGMENT_BYTES) await new Promise(setImmediate);
  await writer.close();
  expect(readdirSync(folder.wal)).toEqual([`${name}.gz`]);
  await written;
});

test('a whole segment that a killed run left unfinished is finished; one that is not whole, or not confirmed, is left alone', async () => {
  const folder = newFolder();
  const partial = join(folder.wal, `${name}.partial`);
  const end = begins + SEGMENT_BYTES;
  writeFileSync(partial, Buffer.alloc(SEGMENT - 1, 8));
  await finishWholeSegments(folder, end, noProbe);
  expect(readdirSync(folder.wal)).toEqual([`${name}.partial`]);
  writeFileSync(partial, Buffer.alloc(SEGMENT, 8));
  await finishWholeSegments(folder, end - 1n, noProbe);
  expect(readdirSync(folder.wal)).toEqual([`${name}.partial`]);
  await finishWholeSegments(folder, end, noProbe);
  expect(readdirSync(folder.wal)).toEqual([`${name}.gz`]);
  const kept = gunzipSync(readFileSync(join(folder.wal, `${name}.gz`)));
  expect(kept.equals(Buffer.alloc(SEGMENT, 8))).toBe(true);
});
