/** Rows of taps.csv with their leaves, one by one: each is what the audit log says of a ride, and all of them lead to its root. */

import { blocksBetween, TreeFromParts } from '../audit/many-leaves.ts';
import { leafHash } from '../audit/merkle.ts';
import type { OpenedCheckpoint } from '../audit/open-checkpoint.ts';
import { TAP_COLUMNS } from './bundle-text.ts';
import { type ConcessionEntry, parseConcessionEntry } from './concession-leaf.ts';
import { Misfit } from './misfit.ts';
import type { UnfundedReason } from './model.ts';

/** A row, and what the log says of the ride. */
export interface ProvenRow {
  /** How people find it. */
  readonly name: string;
  readonly lineId: string;
  /** 1 counted, -1 taken back from an earlier claim. */
  readonly sign: 1n | -1n;
  readonly units: bigint;
  readonly fundedUnits: bigint;
  readonly reason: UnfundedReason | null;
  readonly entry: ConcessionEntry;
}

const NUMBER = /^-?[0-9]{1,30}$/;
const REASONS = ['', 'limit', 'no-rule', 'no-reference-price'];

/**
 * Walks both tables side by side.
 * @throws Misfit at the first row that does not fit; after the last one, where the leaves do not lead to the signed root
 */
export async function* provenRows(
  taps: AsyncIterator<string>,
  proofs: AsyncIterator<string>,
  head: OpenedCheckpoint,
): AsyncGenerator<ProvenRow> {
  const first = await taps.next();
  if (first.done === true || first.value !== TAP_COLUMNS.join(','))
    throw new Misfit('CLAIM_BUNDLE_TAPS', 'taps.csv has other columns');
  const tree = new TreeFromParts();
  let n = 1;
  for (;;) {
    const [row, proof] = [await taps.next(), await proofs.next()];
    n++;
    if (row.done === true) {
      closeTree(tree, proof.done === true ? '' : proof.value, head);
      if ((await proofs.next()).done !== true)
        throw new Misfit('CLAIM_BUNDLE_PROOF', 'proofs.ndjson has more proofs than taps.csv has rows');
      return;
    }
    yield provenRow(readRow(row.value, n), proof.done === true ? '' : proof.value, { tree, head });
  }
}

function readRow(text: string, n: number) {
  const cells = text.split(',');
  const unreadable = (why: string) =>
    new Misfit('CLAIM_BUNDLE_TAPS', `row ${n} of taps.csv cannot be read: ${why}`);
  if (cells.length !== TAP_COLUMNS.length) throw unreadable(`${cells.length} columns`);
  const cell = (name: (typeof TAP_COLUMNS)[number]): string => cells[TAP_COLUMNS.indexOf(name)] as string;
  const wrong = (['revision', 'concession_minor', 'units', 'funded_units'] as const).find(
    (name) => !NUMBER.test(cell(name)),
  );
  if (wrong !== undefined) throw unreadable(wrong);
  if (!['1', '-1'].includes(cell('direction'))) throw unreadable('direction is 1 or -1');
  if (!['0', '1'].includes(cell('claim_ride'))) throw unreadable('claim_ride is 0 or 1');
  if (!REASONS.includes(cell('unfunded_reason'))) throw unreadable('unfunded_reason');
  if ((cell('direction') === '-1') !== (cell('corrects_claim_id') !== ''))
    throw unreadable('what is taken back names the claim that had it, and nothing else does');
  return {
    name: `${cell('tap_ref')}#${cell('revision')}`,
    lineId: cell('line_id'),
    sign: cell('direction') === '1' ? (1n as const) : (-1n as const),
    units: BigInt(cell('units')),
    fundedUnits: BigInt(cell('funded_units')),
    reason: cell('unfunded_reason') === '' ? null : (cell('unfunded_reason') as UnfundedReason),
    tapRef: cell('tap_ref'),
    revision: Number(cell('revision')),
    /** As the log has to say them. */
    said: {
      revision: Number(cell('revision')),
      fareDay: cell('fare_day'),
      hourMs: Date.parse(cell('hour')),
      ride: cell('claim_ride') === '1',
      concession: cell('concession_minor'),
    },
  };
}

type Row = ReturnType<typeof readRow>;

function provenRow(row: Row, text: string, at: { tree: TreeFromParts; head: OpenedCheckpoint }): ProvenRow {
  const { tapRef, revision, said, ...rest } = row;
  const proof = jsonOf(text);
  const { index, leaf } = proof ?? {};
  if (proof?.['tapRef'] !== tapRef || proof['revision'] !== revision || typeof leaf !== 'string')
    throw new Misfit(
      'CLAIM_BUNDLE_PROOF',
      `the decision about tap ${row.name} is not proven to be in the log`,
    );
  const { tree, head } = at;
  if (!Number.isSafeInteger(index) || (index as number) < tree.size || (index as number) >= head.size)
    throw new Misfit(
      'CLAIM_BUNDLE_PROOF',
      `tap ${row.name} names a leaf that stands before, or outside the log`,
    );
  addBlocks(tree, index as number, proof['before'], `tap ${row.name}`);
  tree.add(leafHash(Buffer.from(leaf, 'utf8')));
  const entry = parseConcessionEntry(jsonOf(leaf));
  if (!entry.ok)
    throw new Misfit(
      'CLAIM_BUNDLE_LEAF',
      `leaf ${index} of tap ${row.name} says nothing of a concession ride`,
    );
  for (const [name, value] of Object.entries(said))
    if (entry.value[name as keyof typeof said] !== value)
      throw new Misfit(
        'CLAIM_BUNDLE_LEAF',
        `tap ${row.name}: the log says ${name} ${entry.value[name as keyof typeof said]}, the row ${value}`,
      );
  return { ...rest, entry: entry.value };
}

function closeTree(tree: TreeFromParts, text: string, head: OpenedCheckpoint): void {
  const end = jsonOf(text);
  if (end === null || !('after' in end))
    throw new Misfit('CLAIM_BUNDLE_PROOF', 'proofs.ndjson has no end, or more proofs than taps.csv has rows');
  addBlocks(tree, head.size, end['after'], 'the end of the proofs');
  if (Buffer.compare(tree.root(), head.root) !== 0)
    throw new Misfit('CLAIM_BUNDLE_PROOF', 'the leaves of the taps do not lead to the state that was signed');
}

/** Adds what lies between the tree's edge and a leaf. */
function addBlocks(tree: TreeFromParts, until: number, given: unknown, name: string): void {
  const blocks = blocksBetween(tree.size, until);
  const hashes = Array.isArray(given) ? given.map((hash) => Buffer.from(String(hash), 'base64')) : [];
  if (hashes.length !== blocks.length || hashes.some((hash) => hash.byteLength !== 32))
    throw new Misfit('CLAIM_BUNDLE_PROOF', `${name}: the hashes before it are not those that belong there`);
  blocks.forEach(({ height }, i) => {
    tree.add(hashes[i] as Buffer, height);
  });
}

/** An object, or `null`. */
export function jsonOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
