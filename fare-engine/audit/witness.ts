/**
 * What a witness does: it has seen a state of a log, and countersigns a newer one only after proof that it begins with the
 * one it has seen. Pure; where its memory lies and how tiles come is handed in.
 */
import { provesConsistency } from './merkle.ts';
import type { OpenedCheckpoint } from './open-checkpoint.ts';
import { proveConsistency, type ReadTile, rootFromTiles, TileMissing } from './prove.ts';

export type WitnessVerdict =
  /** May be countersigned; `first` where nothing of this log was seen before. */
  | { readonly ok: true; readonly first: boolean }
  | {
      readonly ok: false;
      /**
       * AUDIT_FORKED: two signed states that cannot both be true. AUDIT_NOT_PROVEN: the tiles do not prove it, or are not
       * there. AUDIT_CHECKPOINT_OLDER: older than what was seen, which by itself contradicts nothing.
       */
      readonly code: 'AUDIT_FORKED' | 'AUDIT_NOT_PROVEN' | 'AUDIT_CHECKPOINT_OLDER';
      readonly detail: string;
    };

/** Compares a checkpoint with the one that was seen last, both with the log's signature checked. */
export async function judgeCheckpoint(
  seen: OpenedCheckpoint | null,
  fresh: OpenedCheckpoint,
  read: ReadTile,
): Promise<WitnessVerdict> {
  if (seen === null) return { ok: true, first: true };
  if (fresh.size === seen.size) {
    if (fresh.root.equals(seen.root)) return { ok: true, first: false };
    return { ok: false, code: 'AUDIT_FORKED', detail: `two roots were signed for ${fresh.size} leaves` };
  }
  if (fresh.size < seen.size)
    return {
      ok: false,
      code: 'AUDIT_CHECKPOINT_OLDER',
      detail: `it covers ${fresh.size} leaves, ${seen.size} were seen before`,
    };
  try {
    const path = await proveConsistency(read, seen.size, fresh.size);
    if (provesConsistency(seen, fresh, path)) return { ok: true, first: false };
    return await whyNot(seen, fresh, read);
  } catch (error) {
    if (!(error instanceof TileMissing)) throw error;
    return { ok: false, code: 'AUDIT_NOT_PROVEN', detail: `${error.message} is missing or too short` };
  }
}

/** Whether the tiles are those of the new state (then the log was rewritten), or of neither. */
async function whyNot(
  seen: OpenedCheckpoint,
  fresh: OpenedCheckpoint,
  read: ReadTile,
): Promise<WitnessVerdict> {
  const now = await rootFromTiles(read, fresh.size);
  if (!now.equals(fresh.root))
    return { ok: false, code: 'AUDIT_NOT_PROVEN', detail: 'the tiles do not give the root that was signed' };
  return {
    ok: false,
    code: 'AUDIT_FORKED',
    detail: `its first ${seen.size} leaves are not those for which the log signed a root before`,
  };
}
