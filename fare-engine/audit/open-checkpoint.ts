/** Whose word a checkpoint is: the log's own signature, then as many witnesses as somebody asks for. Pure. */
import { type Checkpoint, parseCheckpoint } from '#contracts/audit-log.ts';
import { describeProblems } from '#contracts/parse.ts';
import { type NoteVerifier, parseNote, verifyNote } from '#contracts/signed-note.ts';

/** A checkpoint that its log has signed. */
export interface OpenedCheckpoint extends Checkpoint {
  /** Exactly what was signed. */
  readonly text: string;
  /** Witnesses that have countersigned, and when they saw it (seconds of the Unix epoch). */
  readonly witnesses: readonly { readonly name: string; readonly atS: number }[];
}

export type CheckpointRefusal = {
  readonly ok: false;
  /** AUDIT_CHECKPOINT_MALFORMED or AUDIT_CHECKPOINT_UNSIGNED. */
  readonly code: string;
  readonly detail: string;
};

/** Opens a note: its form, the log's signature (under its own name), the cosignatures of known witnesses. */
export function openCheckpoint(
  note: string,
  logKeys: readonly NoteVerifier[],
  witnesses: readonly NoteVerifier[] = [],
): ({ readonly ok: true } & OpenedCheckpoint) | CheckpointRefusal {
  const malformed = (detail: string): CheckpointRefusal => ({
    ok: false,
    code: 'AUDIT_CHECKPOINT_MALFORMED',
    detail,
  });
  const unsigned = (detail: string): CheckpointRefusal => ({
    ok: false,
    code: 'AUDIT_CHECKPOINT_UNSIGNED',
    detail,
  });
  const parsed = parseNote(note);
  if (!parsed.ok) return malformed(describeProblems(parsed.problems));
  const checkpoint = parseCheckpoint(parsed.value.text);
  if (!checkpoint.ok) return malformed(describeProblems(checkpoint.problems));
  const { origin } = checkpoint.value;
  const keys = logKeys.filter(({ use, name }) => use === 'log' && name === origin);
  const seers = witnesses.filter(({ use }) => use === 'witness');
  const held = verifyNote(parsed.value, [...keys, ...seers]);
  if (!held.ok) return unsigned(describeProblems(held.problems));
  if (!held.value.some(({ verifier }) => verifier.use === 'log'))
    return unsigned(`no signature of ${origin} under a key that was given`);
  const seen = held.value.flatMap(({ verifier, atS }) =>
    atS === null ? [] : [{ name: verifier.name, atS }],
  );
  return { ok: true, ...checkpoint.value, text: parsed.value.text, witnesses: seen };
}
