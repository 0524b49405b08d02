/**
 * What a backup folder holds, and what of it may go:
 *
 *   backup.json            whose it is (system identifier); the place that the watermark in force relies on
 *   bases/<id>/            base.json, base.tar.gz, manifest.json (PostgreSQL's own, SHA-256 of every file)
 *   wal/<segment>.gz       whole segments; <segment>.partial: the newest, as far as it was written
 *   wal/<timeline>.history where a timeline branched off
 *
 * Names that end in `.part` are unfinished and swept at the next start.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { decodeJson, parserOf } from '#contracts/parse.ts';
import { writeFileAtomic } from '../atomic-file.ts';
import { OperatorError } from '../errors.ts';
import {
  historyName,
  parseHistory,
  parsePosition,
  parseSegmentName,
  segmentOf,
  type TimelineStep,
} from './log-position.ts';

const POSITION = Type.String({ pattern: '^[0-9A-F]{1,8}/[0-9A-F]{1,8}$' });
const HASH = Type.String({ pattern: '^[0-9a-f]{64}$' });

const BaseFile = Type.Object({
  v: Type.Literal(1),
  systemId: Type.String({ pattern: '^[0-9]{1,20}$' }),
  timeline: Type.Integer({ minimum: 1 }),
  startPosition: POSITION,
  endPosition: POSITION,
  /** Of the server's machine, UTC ms. */
  begunAtMs: Type.Integer(),
  finishedAtMs: Type.Integer(),
  bytes: Type.Integer({ minimum: 0 }),
  tarSha256: HASH,
  manifestSha256: HASH,
});

const OwnerFile = Type.Object({
  v: Type.Literal(1),
  systemId: Type.String({ pattern: '^[0-9]{1,20}$' }),
  /** Restores that were made from here: their deny lists must not be repeated. */
  generationMax: Type.Integer({ minimum: 0 }),
  /** The place up to which devices may have forgotten; null while they may have forgotten nothing. */
  promised: Type.Union([Type.Null(), Type.Object({ position: POSITION, watermarkMs: Type.Integer() })]),
  /** City time when the folder was last written to, so that a restored city does not go back. */
  cityMs: Type.Union([Type.Null(), Type.Integer()]),
});

const parseBase = parserOf(BaseFile);
const parseOwner = parserOf(OwnerFile);

/** What `base.json` says. */
export interface BaseRecord {
  readonly v: 1;
  readonly systemId: string;
  readonly timeline: number;
  readonly startPosition: string;
  readonly endPosition: string;
  readonly begunAtMs: number;
  readonly finishedAtMs: number;
  readonly bytes: number;
  readonly tarSha256: string;
  readonly manifestSha256: string;
}

/** A finished base backup. */
export interface Base extends BaseRecord {
  readonly id: string;
  readonly folder: string;
}

/** What `backup.json` says. */
export interface FolderOwner {
  readonly v: 1;
  readonly systemId: string;
  readonly generationMax: number;
  readonly promised: { readonly position: string; readonly watermarkMs: number } | null;
  readonly cityMs: number | null;
}

/** A segment of the write-ahead log as it lies in the folder. */
export interface StoredSegment {
  readonly timeline: number;
  readonly segment: bigint;
  readonly path: string;
  /** Not written to its end: the newest of its timeline. */
  readonly partial: boolean;
}

/** One backup folder. Reads go to the disk each time: there are few files, and nothing else to trust. */
export interface BackupFolder {
  readonly path: string;
  readonly wal: string;
  readonly bases: string;
  owner(): FolderOwner | null;
  writeOwner(owner: FolderOwner): void;
  /** Finished bases, oldest first. */
  listBases(): Base[];
  /** Segments by name: timeline, then number. */
  listSegments(): StoredSegment[];
  /** Ancestors of a timeline, oldest first; empty for the first one. */
  history(timeline: number): TimelineStep[];
  timelines(): number[];
}

/** Opens a folder, making it where `make` says so. @throws OperatorError BACKUP_NOT_FOUND */
export function openBackupFolder(path: string, make: boolean): BackupFolder {
  const [wal, bases] = [join(path, 'wal'), join(path, 'bases')];
  if (make) for (const folder of [path, wal, bases]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  else if (!existsSync(join(path, 'backup.json'))) throw notFound(path);
  return {
    path,
    wal,
    bases,
    owner: () => read(join(path, 'backup.json'), parseOwner) as FolderOwner | null,
    writeOwner: (owner) => writeFileAtomic(join(path, 'backup.json'), `${JSON.stringify(owner, null, 2)}\n`),
    listBases: () => listBases(bases),
    listSegments: () => listSegments(wal),
    history: (timeline) => readHistory(wal, timeline),
    timelines: () => {
      const seen = new Set([...listBases(bases), ...listSegments(wal)].map(({ timeline }) => timeline));
      return [...seen].sort((a, b) => a - b);
    },
  };
}

function listBases(bases: string): Base[] {
  const found = readdirSync(bases).flatMap((id): Base[] => {
    if (id.endsWith('.part')) return [];
    const folder = join(bases, id);
    const record = read(join(folder, 'base.json'), parseBase) as BaseRecord | null;
    return record === null ? [] : [{ ...record, id, folder }];
  });
  return found.sort((a, b) => a.begunAtMs - b.begunAtMs || (a.id < b.id ? -1 : 1));
}

function listSegments(wal: string): StoredSegment[] {
  const found = new Map<string, StoredSegment>();
  for (const file of readdirSync(wal).sort()) {
    const match = /^([0-9A-F]{24})\.(gz|partial)$/.exec(file);
    const name = match && parseSegmentName(match[1] as string);
    if (!match || !name) continue;
    // Both lie there after a kill between the two steps that finish a segment; the whole one counts.
    if (match[2] === 'partial' && found.has(match[1] as string)) continue;
    found.set(match[1] as string, { ...name, path: join(wal, file), partial: match[2] === 'partial' });
  }
  return [...found.values()];
}

function readHistory(wal: string, timeline: number): TimelineStep[] {
  const path = join(wal, historyName(timeline));
  return existsSync(path) ? parseHistory(readFileSync(path, 'utf8')) : [];
}

function read<T>(path: string, parse: (json: unknown) => { ok: true; value: T } | { ok: false }): T | null {
  if (!existsSync(path)) return null;
  const json = decodeJson(readFileSync(path), 65_536);
  const parsed = json.ok ? parse(json.value) : json;
  return parsed.ok ? parsed.value : null;
}

/** The newest timeline that goes on from a base, by the histories in the folder. */
export function newestTimelineFrom(folder: BackupFolder, base: Base): number {
  const goesOn = (timeline: number): boolean =>
    timeline === base.timeline ||
    folder
      .history(timeline)
      .some((step) => step.timeline === base.timeline && step.endsAt >= parsePosition(base.endPosition));
  return Math.max(base.timeline, ...folder.timelines().filter(goesOn));
}

/**
 * Removes what retention lets go: all but the newest `keepBases` bases, and segments that no kept base needs.
 * Histories stay: they are small, and they keep timelines apart.
 */
export function pruneBackup(folder: BackupFolder, keepBases: number): { bases: number; segments: number } {
  const bases = folder.listBases();
  const gone = bases.slice(0, Math.max(0, bases.length - keepBases));
  for (const base of gone) rmSync(base.folder, { recursive: true, force: true });
  const kept = bases.slice(gone.length);
  if (kept.length === 0) return { bases: gone.length, segments: 0 };
  const first = kept
    .map((base) => segmentOf(parsePosition(base.startPosition)))
    .reduce((a, b) => (a < b ? a : b));
  const old = folder.listSegments().filter(({ segment }) => segment < first);
  for (const { path } of old) rmSync(path, { force: true });
  return { bases: gone.length, segments: old.length };
}

/** Removes unfinished work of an earlier run. */
export function sweepUnfinished(folder: BackupFolder): void {
  for (const parent of [folder.bases, folder.wal])
    for (const name of readdirSync(parent))
      if (name.endsWith('.part') || name.endsWith('.new'))
        rmSync(join(parent, name), { recursive: true, force: true });
}

function notFound(path: string): OperatorError {
  return new OperatorError({
    code: 'BACKUP_NOT_FOUND',
    happened: `There is no backup in ${path}: it has no readable backup.json.`,
    kept: 'Nothing was changed.',
    todo: 'Name the folder that was given to --backup (or KVYTOK_BACKUP_DIR).',
  });
}
