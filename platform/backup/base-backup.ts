/**
 * Base backups: a copy of the whole cluster as PostgreSQL sends it, with the log that it needs to be consistent and
 * PostgreSQL's own manifest of SHA-256 sums. A base counts once it was read back and every file of it has its sum.
 */
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { syncFolder } from '../atomic-file.ts';
import { OperatorError } from '../errors.ts';
import type { Probe } from '../probe.ts';
import type { BackupFolder, Base, BaseRecord } from './backup-folder.ts';
import { parsePosition } from './log-position.ts';
import type { ReplicationLink } from './replication-link.ts';
import { readTar, type TarEntry } from './tar-reader.ts';

const TAR = 'base.tar.gz';
const MANIFEST = 'manifest.json';
/** Upper bound of what a base may take of the disk and the network, KiB/s: the city goes first. */
const RATE_KB_MAX = 65_536;

export interface TakeBaseOptions {
  readonly link: ReplicationLink;
  readonly folder: BackupFolder;
  readonly systemId: string;
  /** The machine's clock. */
  readonly nowMs: () => number;
  readonly probe: Probe;
  /** Bytes sent so far and in all, as the server estimates. */
  readonly onProgress: (done: bigint, all: bigint) => void;
}

/** Takes a base backup, reads it back, and gives it its name. */
export async function takeBase(options: TakeBaseOptions): Promise<Base> {
  const { folder, nowMs, probe } = options;
  const begunAtMs = nowMs();
  const id = new Date(begunAtMs)
    .toISOString()
    .replace(/[-:]/g, '')
    .replace(/\.\d+Z$/, 'Z');
  const part = join(folder.bases, `${id}.part`);
  mkdirSync(part, { mode: 0o700 });
  const { rows, bytes } = await receive(options, part);
  await probe('backup.base-received');
  const [start, end] = [rows[0], rows.at(-1)] as [readonly string[], readonly string[]];
  const record: BaseRecord = {
    v: 1,
    systemId: options.systemId,
    timeline: Number(start[1]),
    startPosition: start[0] as string,
    endPosition: end[0] as string,
    begunAtMs,
    finishedAtMs: nowMs(),
    bytes,
    tarSha256: await sumOf(join(part, TAR)),
    manifestSha256: await sumOf(join(part, MANIFEST)),
  };
  await checkBase({ ...record, id, folder: part });
  writeFileSync(join(part, 'base.json'), `${JSON.stringify(record, null, 2)}\n`, {
    mode: 0o600,
    flush: true,
  });
  syncFolder(part);
  const named = join(folder.bases, id);
  await probe('backup.base-checked');
  renameSync(part, named);
  syncFolder(folder.bases);
  return { ...record, id, folder: named };
}

async function receive(
  options: TakeBaseOptions,
  part: string,
): Promise<{ rows: (readonly (string | null)[])[]; bytes: number }> {
  const gzip = createGzip({ level: 1 });
  const written = pipeline(gzip, createWriteStream(join(part, TAR), { mode: 0o600 }));
  written.catch(() => {}); // Awaited below; a full disk is told by the next write.
  const manifest: Buffer[] = [];
  let [bytes, all] = [0n, 0n];
  let inManifest = false;
  const sink = async (message: Buffer): Promise<void> => {
    const [kind, body] = [String.fromCharCode(message[0] as number), message.subarray(1)];
    if (kind === 'n') refuseTablespace(body);
    else if (kind === 'm') inManifest = true;
    else if (kind === 'p') options.onProgress(bytes, all);
    else if (kind === 'd' && inManifest) manifest.push(body);
    else if (kind === 'd') {
      bytes += BigInt(body.byteLength);
      if (bytes > all) all = bytes;
      if (!gzip.write(body)) await Promise.race([once(gzip, 'drain'), written]);
    }
  };
  const command = `BASE_BACKUP (LABEL 'kvytok', PROGRESS true, CHECKPOINT 'fast', WAL true, WAIT true,
    MAX_RATE ${RATE_KB_MAX}, MANIFEST 'yes', MANIFEST_CHECKSUMS 'SHA256')`;
  try {
    const rows = await options.link.copyOut(command, sink);
    gzip.end();
    await written;
    await forceToDisk(join(part, TAR));
    writeFileSync(join(part, MANIFEST), Buffer.concat(manifest), { mode: 0o600, flush: true });
    return { rows, bytes: Number(bytes) };
  } catch (error) {
    gzip.destroy();
    await written.catch(() => {});
    throw error;
  }
}

/** An archive's name is followed by the folder of its tablespace; ours has none. */
function refuseTablespace(body: Buffer): void {
  const [, place = ''] = body.toString('utf8').split('\0');
  if (place === '') return;
  throw new OperatorError({
    code: 'BACKUP_TABLESPACE',
    happened: `The database has a tablespace in ${place}; this backup copies clusters without tablespaces.`,
    kept: 'The city goes on; what was backed up before is still there.',
    todo: 'Back this server up with its own tools (docs/OPERATIONS.md) and call kvytok backup mark after each of them.',
  });
}

async function forceToDisk(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sumOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Size and sum of each file by path, as PostgreSQL wrote them down. */
type Manifest = ReadonlyMap<string, { readonly size: bigint; readonly sum: string }>;

function readManifest(base: Base): Manifest {
  const bytes = readFileSync(join(base.folder, MANIFEST));
  if (createHash('sha256').update(bytes).digest('hex') !== base.manifestSha256)
    throw damaged(base, 'its manifest does not have its sum');
  const { Files } = JSON.parse(bytes.toString('utf8')) as {
    Files: { Path?: string; 'Encoded-Path'?: string; Size: number; Checksum: string }[];
  };
  return new Map(
    Files.map((file) => [
      file.Path ?? Buffer.from(file['Encoded-Path'] ?? '', 'hex').toString('utf8'),
      { size: BigInt(file.Size), sum: file.Checksum },
    ]),
  );
}

/**
 * Reads a base from beginning to end, hands each entry over, and compares every file with its sum.
 * `take` must read the body it is given.
 * @throws OperatorError BACKUP_DAMAGED naming what does not fit.
 */
export async function readBase(
  base: Base,
  take: (entry: TarEntry, body: AsyncIterable<Buffer>) => Promise<void>,
): Promise<{ readonly files: number }> {
  const missing = new Map(readManifest(base));
  const whole = createHash('sha256');
  const source = createReadStream(join(base.folder, TAR));
  source.on('data', (chunk) => whole.update(chunk));
  const unpacked = createGunzip();
  const fed = pipeline(source, unpacked);
  fed.catch(() => {}); // The reader of `unpacked` meets the same error.
  let files = 0;
  try {
    for await (const entry of readTar(unpacked)) {
      const hash = createHash('sha256');
      await take(entry, hashed(entry.body, hash));
      // The log that came with it is proven by its own sums when it is replayed; the manifest does not name it.
      const expected = missing.get(entry.path);
      if (entry.kind !== 'file' || (expected === undefined && entry.path.startsWith('pg_wal/'))) continue;
      if (expected === undefined) throw damaged(base, `${entry.path} is not in its manifest`);
      if (entry.size !== expected.size || hash.digest('hex') !== expected.sum)
        throw damaged(base, `${entry.path} does not have its sum`);
      missing.delete(entry.path);
      files += 1;
    }
    await fed;
  } catch (error) {
    source.destroy();
    throw error instanceof OperatorError ? error : damaged(base, (error as Error).message);
  }
  const [first] = missing.keys();
  if (first !== undefined) throw damaged(base, `${first} is missing`);
  if (whole.digest('hex') !== base.tarSha256) throw damaged(base, 'its archive does not have its sum');
  return { files };
}

async function* hashed(body: AsyncIterable<Buffer>, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    hash.update(chunk);
    yield chunk;
  }
}

/** Reads a base and compares it, keeping nothing. */
export function checkBase(base: Base): Promise<{ readonly files: number }> {
  return readBase(base, async (_entry, body) => {
    for await (const _ of body);
  });
}

/** First and last place of the log that came with a base. */
export function baseSpan(base: Base): { readonly start: bigint; readonly end: bigint } {
  return { start: parsePosition(base.startPosition), end: parsePosition(base.endPosition) };
}

function damaged(base: Base, problem: string): OperatorError {
  return new OperatorError({
    code: 'BACKUP_DAMAGED',
    happened: `The base backup ${base.id} is damaged: ${problem}.`,
    kept: 'It was left as it is; nothing was changed.',
    todo: 'Restore an older base with --base, and find out what happened to the disk; kvytok backup verify looks at all of them.',
  });
}
