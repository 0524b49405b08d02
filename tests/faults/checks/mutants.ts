/** Planted bugs: a line of a source file, what it becomes, and the check that must notice. */

/** Environment variable with the name of the planted bug. */
export const MUTANT = 'TEST_MUTANT';

export interface Mutant {
  readonly file: string;
  readonly line: string;
  readonly becomes: string;
  /** Name of the check, a file beside this one. */
  readonly foundBy: string;
}

export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'ingest sends receipts before it commits': {
    file: 'ingest/adapters/group-handler.ts',
    line: '      outcome = await commit(verdicts);',
    becomes: `      send(heldBy(verdicts, { inserted: 0, branched: 0, conflicts: new Set(), withheld: new Set() }));
      outcome = await commit(verdicts);`,
    foundBy: 'rolled-back',
  },
  'a validator takes an acknowledgement of the broker for a receipt': {
    file: 'edge-agent/upload.ts',
    line: '    deps.publish(payload).catch(() => {});',
    becomes: `    const believed = [first.epoch, first.seq, last.seq, 'accepted', 0];
    deps.publish(payload).then(() => journal.deps.store.mark(...believed)).catch(() => {});`,
    foundBy: 'deaf-city',
  },
  'ingest refuses a group in which a record comes again': {
    file: 'ingest/adapters/record-store.ts',
    line: '  ON CONFLICT (device_id, epoch, seq) DO NOTHING\n',
    becomes: '\n',
    foundBy: 'told-twice',
  },
  'ingest hands a record on each time it comes': {
    file: 'ingest/adapters/record-store.ts',
    line: 'ON CONFLICT (device_id, epoch, seq) DO NOTHING\n',
    becomes: 'ON CONFLICT (device_id, epoch, seq) DO UPDATE SET flags = excluded.flags\n',
    foundBy: 'told-twice',
  },
  'a validator answers before it has written': {
    file: 'edge-agent/validator/touch-desk.ts',
    line: '    if (!written?.ok) {\n      this.failed(written);',
    becomes: `    if (!written?.ok && decision.accepted) {
      front.answer({ view: { sign: 'accepted', ...language }, id: null });
      return;
    }
    if (!written?.ok) {
      this.failed(written);`,
    foundBy: 'full-disk',
  },
  'a journal that does not sync': {
    file: 'edge-agent/adapters/journal-file.ts',
    line: 'PRAGMA synchronous = FULL',
    becomes: 'PRAGMA synchronous = OFF',
    foundBy: 'synced-greens',
  },
  'pass-back is forgotten at a restart': {
    file: 'edge-agent/pass-back.ts',
    line: '        if (record.ok) rememberOld(rides, record.value, direction);',
    becomes: '',
    foundBy: 'touched-again',
  },
  'other bytes under a known number are taken for the same': {
    file: 'ingest/adapters/record-store.ts',
    line: 'WHERE r.hash <> decode(o.hash',
    becomes: 'WHERE false AND r.hash <> decode(o.hash',
    foundBy: 'other-bytes',
  },
  'a receipt about other bytes frees a record': {
    file: 'edge-agent/journal.ts',
    line: "    return hash === range.head ? 'ours' : 'wrong-head';",
    becomes: "    return 'ours';",
    foundBy: 'false-receipt',
  },
  'a receipt of a database that is no more frees a record': {
    file: 'edge-agent/journal.ts',
    line: '    if (past.includes(receipt.incarnation)) return',
    becomes: '    if (false) return',
    foundBy: 'false-receipt',
  },
  'accounts are not locked while they are priced': {
    file: 'fare-engine/adapters/account-statements.ts',
    line: "const HOLD = 'FOR NO KEY UPDATE OF a';\nconst stayed = (written: number | null, held: number): boolean => written === held;",
    becomes: "const HOLD = '';\nconst stayed = (_written: number | null, _held: number): boolean => true;",
    foundBy: 'two-at-once',
  },
  'a new price is posted beside the old one': {
    file: 'fare-engine/ledger/difference.ts',
    line: '  const postings = moved ? [...undo(old, revision),',
    becomes: '  const postings = moved ? [',
    foundBy: 'priced-again',
  },
  'a new price is decided and not posted': {
    file: 'fare-engine/ledger/difference.ts',
    line: '  const postings = moved ?',
    becomes: '  const postings = moved && old === null ?',
    foundBy: 'priced-again',
  },
};
