/**
 * Salvage: what can be proven genuine in a journal that was moved aside is written into the new one under its old
 * epoch, to be offered to the city. Genuine is a record of this device whose own signature holds, or whose hash is named
 * by the genuine record after it (the next epoch's first one, for a head). Its bytes are taken as they are or not at all.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { headMessage, sha256Hex, signBytes, verifyBytes } from '#contracts/hash-chain.ts';
import { parseRecord } from '#contracts/record.ts';
import { type EpochHead, SALVAGED_HEAD, type SalvageReport } from '../ports.ts';
import { movedAside } from './journal-file.ts';
import { type Staged, type StagedText, stageDamaged } from './salvage-read.ts';
import { isWalWhole } from './wal-frames.ts';

/** Whose journal is salvaged. */
export interface Salvor {
  readonly deviceId: string;
  /** Signing keys of the device as they are known now, the present one first; the journal may be signed with any. */
  readonly keys: () => readonly [KeyObject, ...KeyObject[]];
  /** The epoch that ran last, as the mark beside the journal says; null when there is none. */
  readonly runningEpoch: () => string | null;
  /** Passed after each transaction: {@link SALVAGE_POINT}. */
  readonly probe: (point: string) => unknown;
  readonly report: (report: SalvageReport) => void;
  readonly failed: (file: string, error: unknown) => void;
}

export const SALVAGE_POINT = 'edge.journal.salvaged-some';

const RECORDS_AT_A_TIME = 50;
/** Files looked at in one start, the newest first; what is left is looked at by the next. */
const FILES_MAX = 16;
/** A journal has a handful of epochs; a longer chain of them is taken in parts. */
const EPOCHS_DEEP_MAX = 1000;
const stagingOf = (path: string): string => `${path}.salvage`;
const doneNote = (name: string): string => `salvaged:${name}`;
/** Value of a done note when nothing is left unproven; otherwise the keys that were tried: another may prove more. */
const ALL = 'all';
const fingerprintOf = (key: KeyObject): string =>
  sha256Hex(createPublicKey(key).export({ type: 'spki', format: 'der' }));

/**
 * Salvages every file beside the journal that this journal has not salvaged yet. May be killed anywhere and begun
 * again: what is there already is not written twice, and a file is done only when its last record is on the disk.
 */
export function salvageMovedAside(db: DatabaseSync, path: string, salvor: Salvor): void {
  rmSync(stagingOf(path), { force: true });
  const keys = salvor.keys().map(fingerprintOf);
  const note = db.prepare('SELECT value FROM note WHERE key = ?');
  const isDone = (name: string): boolean => {
    const row = note.get(doneNote(name)) as { value: string } | undefined;
    return (
      row !== undefined && (row.value === ALL || keys.every((key) => row.value.split(' ').includes(key)))
    );
  };
  const names = movedAside(path).filter((name) => !isDone(name));
  for (const name of names.slice(-FILES_MAX)) {
    try {
      salvor.report(salvageFile(db, join(dirname(path), name), stagingOf(path), salvor));
    } catch (error) {
      // A validator that cannot salvage still has to answer cards; the file is there, and the next start tries again.
      if (db.isTransaction) db.exec('ROLLBACK');
      salvor.failed(name, error);
    }
  }
}

function salvageFile(db: DatabaseSync, file: string, stagingPath: string, salvor: Salvor): SalvageReport {
  const staged = stageDamaged(file, stagingPath, salvor.deviceId);
  try {
    const keys = salvor.keys();
    const writer = new SalvageWriter(db, salvor, keys[0]);
    const proofs = new Proofs(salvor.deviceId, keys);
    for (const epoch of epochsLastFirst(staged.db)) {
      for (const text of proofs.genuine(staged.db, epoch)) writer.write(text);
    }
    const end = provenEnd(staged, file, writer, salvor.runningEpoch());
    const { n } = staged.db.prepare('SELECT count(*) AS n FROM text').get() as { n: number };
    const { salvaged, contested, missing } = writer;
    const unproven = n - salvaged - contested - proofs.contested;
    writer.finish(basename(file), unproven === 0 ? ALL : keys.map(fingerprintOf).join(' '), end);
    return {
      file: basename(file),
      read: n,
      salvaged,
      contested: contested + proofs.contested,
      unproven,
      unreadable: staged.unreadable,
      missing,
      endProven: end !== undefined,
    };
  } finally {
    staged.db.close();
    rmSync(stagingPath, { force: true });
  }
}

/** Epochs by their clocks, the last first; one that says what it follows always stands before that one. */
function epochsLastFirst(staging: DatabaseSync): string[] {
  const followers = new Map<string, string[]>();
  for (const { epoch, bytes } of staging
    .prepare("SELECT * FROM text WHERE kind = 'epoch'")
    .iterate() as Iterable<unknown> as Iterable<StagedText>) {
    const former = formerOf(bytes);
    if (former) followers.set(former.epoch, [...(followers.get(former.epoch) ?? []), epoch]);
  }
  const order = new Set<string>();
  const visit = (epoch: string, path: readonly string[]): void => {
    if (path.includes(epoch) || path.length > EPOCHS_DEEP_MAX) return;
    for (const next of followers.get(epoch) ?? []) if (!order.has(next)) visit(next, [...path, epoch]);
    order.add(epoch);
  };
  const byClock = staging.prepare('SELECT epoch FROM text GROUP BY epoch ORDER BY min(wall_ms) DESC, epoch');
  for (const { epoch } of byClock.all() as { epoch: string }[]) visit(epoch, []);
  return [...order];
}

/** The epoch and head that the first record of an epoch names. */
function formerOf(bytes: Uint8Array): { readonly epoch: string; readonly head: string } | undefined {
  const record = parseRecord(bytes);
  if (!record.ok || record.value.kind !== 'epoch') return undefined;
  const { follows } = record.value.body;
  return typeof follows === 'object' ? follows : undefined;
}

/** Picks the genuine texts of an epoch, from its last number down: each names the one before it. */
class Proofs {
  /** Texts under a number for which another one stands, or two stand with equal right. */
  contested = 0;
  private readonly deviceId: string;
  private readonly publicKeys: readonly KeyObject[];
  private readonly formerHeads = new Set<string>();

  constructor(deviceId: string, keys: readonly KeyObject[]) {
    this.deviceId = deviceId;
    this.publicKeys = keys.map((key) => createPublicKey(key));
  }

  *genuine(staging: DatabaseSync, epoch: string): Generator<StagedText> {
    const rows = staging
      .prepare('SELECT * FROM text WHERE epoch = ? ORDER BY seq DESC, hash')
      .iterate(epoch) as Iterable<unknown> as Iterable<StagedText>;
    let after: StagedText | undefined;
    let group: StagedText[] = [];
    const pick = (): StagedText | undefined => {
      const chosen = this.choose(group, after);
      after = chosen;
      if (chosen) this.rememberFormer(chosen);
      return chosen;
    };
    for (const row of rows) {
      if (group[0] && group[0].seq !== row.seq) {
        const chosen = pick();
        if (chosen) yield chosen;
        group = [];
      }
      group.push(row);
    }
    const chosen = pick();
    if (chosen) yield chosen;
  }

  /** A write that failed may have left a text under a number that was used again: what was built upon is right. */
  private choose(group: readonly StagedText[], after: StagedText | undefined): StagedText | undefined {
    const named = group.find((text) => this.isNamed(text, after));
    const signed = group.filter((text) => text !== named && this.isSigned(text));
    if (named) {
      this.contested += signed.length;
      return named;
    }
    const rivals = signed.length > 1 ? signed.filter((text) => text.in_table === 1) : signed;
    const adjacent = after !== undefined && group[0]?.seq === after.seq - 1;
    const chosen = rivals.length === 1 && !adjacent ? rivals[0] : undefined;
    this.contested += signed.length - (chosen ? 1 : 0);
    return chosen;
  }

  /** An epoch that follows another proves the head of that one, also when the device had another key then. */
  private rememberFormer({ kind, bytes }: StagedText): void {
    const former = kind === 'epoch' ? formerOf(bytes) : undefined;
    if (former) this.formerHeads.add(former.head);
  }

  private isNamed({ seq, hash }: StagedText, after: StagedText | undefined): boolean {
    return (after?.seq === seq + 1 && after.prev === hash) || this.formerHeads.has(hash);
  }

  private isSigned({ epoch, seq, hash, sigs }: StagedText): boolean {
    const message = headMessage({ deviceId: this.deviceId, epoch, seq, hash });
    return sigs.split(' ').some((sig) => this.publicKeys.some((key) => verifyBytes(message, sig, key)));
  }
}

/** Writes salvaged records, last number first. Their epochs stand before all that this journal opened: n below 1. */
class SalvageWriter {
  salvaged = 0;
  contested = 0;
  missing = 0;
  /** Last record salvaged of each epoch. */
  readonly ends = new Map<string, EpochHead>();
  private readonly db: DatabaseSync;
  private readonly salvor: Salvor;
  private readonly privateKey: KeyObject;
  private readonly statements: ReturnType<typeof statementsOf>;
  private before: { epoch: string; seq: number } | undefined;
  private inTransaction = 0;

  constructor(db: DatabaseSync, salvor: Salvor, privateKey: KeyObject) {
    this.db = db;
    this.salvor = salvor;
    this.privateKey = privateKey;
    this.statements = statementsOf(db);
  }

  write(text: StagedText): void {
    const { epoch, seq, hash } = text;
    if (!this.db.isTransaction) this.db.exec('BEGIN IMMEDIATE');
    if (!this.put(text)) {
      this.contested++;
      return;
    }
    this.salvaged++;
    if (this.before?.epoch === epoch) this.missing += this.before.seq - seq - 1;
    this.before = { epoch, seq };
    if (!this.ends.has(epoch)) this.ends.set(epoch, { epoch, seq, hash });
    if (++this.inTransaction % RECORDS_AT_A_TIME === 0) {
      this.db.exec('COMMIT');
      this.salvor.probe(SALVAGE_POINT);
    }
  }

  private put(text: StagedText): boolean {
    const { epoch, seq, hash, prev, kind, receipted, bytes } = text;
    const sql = this.statements;
    let known = sql.epoch.get(epoch) as { n: number; seq: number } | undefined;
    if (known) {
      const held = sql.held.get(known.n, seq) as { hash: string } | undefined;
      if (held) return held.hash === hash;
      // An epoch that this journal opened itself: what it no longer has, the city holds; what it never had is a copy's.
      if (known.n > 0) return seq <= known.seq;
      const former = sql.held.get(known.n, seq - 1) as { hash: string } | undefined;
      const next = sql.held.get(known.n, seq + 1) as { bytes: Uint8Array } | undefined;
      if (former && former.hash !== prev) return false;
      if (next && !Buffer.from(next.bytes).includes(`"prev":"${hash}"`)) return false;
      if (seq > known.seq) sql.moveHead.run(seq, hash, known.n);
    } else {
      sql.newEpoch.run(epoch, seq, hash);
      known = sql.epoch.get(epoch) as { n: number; seq: number };
    }
    const { deviceId } = this.salvor;
    const sig = signBytes(headMessage({ deviceId, epoch, seq, hash }), this.privateKey);
    // What the city may hold already is offered again: a mark in a damaged file is no receipt.
    sql.insert.run(known.n, seq, kind, receipted === 1 ? 3 : 0, hash, sig, bytes);
    return true;
  }

  /** Notes in one transaction that the file is done with which keys ({@link ALL}: with any), and at which head the next epoch may go on. */
  finish(name: string, triedKeys: string, end: EpochHead | undefined): void {
    if (!this.db.isTransaction) this.db.exec('BEGIN IMMEDIATE');
    this.statements.note.run(doneNote(name), triedKeys);
    if (end) this.statements.note.run(SALVAGED_HEAD, JSON.stringify(end));
    this.db.exec('COMMIT');
    this.salvor.probe(SALVAGE_POINT);
  }
}

function statementsOf(db: DatabaseSync) {
  return {
    epoch: db.prepare('SELECT n, seq FROM epoch WHERE id = ?'),
    held: db.prepare('SELECT hash, bytes FROM record WHERE epoch_n = ? AND seq = ?'),
    moveHead: db.prepare('UPDATE epoch SET seq = ?, hash = ? WHERE n = ?'),
    newEpoch: db.prepare(
      'INSERT INTO epoch (n, id, seq, hash) SELECT min(0, coalesce(min(n), 1)) - 1, ?, ?, ? FROM epoch',
    ),
    insert: db.prepare(
      'INSERT INTO record (epoch_n, seq, kind, mark, hash, sig, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
    note: db.prepare('INSERT INTO note VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value'),
  };
}

/**
 * The head at which the journal certainly ended: the file, its whole log and the mark beside it agree, its record is
 * salvaged, and nothing in the file stands under a higher number. A head that was not the last would look like a copy.
 */
function provenEnd(
  { db, head }: Staged,
  file: string,
  writer: SalvageWriter,
  runningEpoch: string | null,
): EpochHead | undefined {
  if (!head || head.epoch !== runningEpoch || !isWalWhole(`${file}-wal`)) return undefined;
  const { last } = db.prepare('SELECT max(seq) AS last FROM text WHERE epoch = ?').get(head.epoch) as {
    last: number | null;
  };
  const end = writer.ends.get(head.epoch);
  return last === head.seq && end?.seq === head.seq && end.hash === head.hash ? end : undefined;
}
