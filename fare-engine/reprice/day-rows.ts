/**
 * Rows of one fare day and share as they came: the bytes of whole blocks, and numbers that say where in them each tap begins, which
 * family it is of, and what the books have of it. No text is made of them before it is needed, and of most never. When the day is
 * done, the same memory is used for another one: whatever is kept of it longer has to be copied.
 */
import { Ints } from './ints.ts';
import type { BlockMemory, RowBlock, RowSort } from './model.ts';
import { aloneOf, type RowBytes, revisionOf } from './rows.ts';

/** What the books have of one tap, filled in again for the next one: millions of them would be garbage. See BookedTap. */
export interface BookedRows {
  decision: RowBytes | null;
  readonly postings: RowBytes[];
}

/** A row of the books about a tap that the day has not. */
export interface Stray {
  readonly sort: RowSort;
  readonly row: RowBytes;
}

/** Numbers that are kept of a tap, side by side: whoever looks at one of them has them all in the processor's cache. */
const TAP = {
  block: 0,
  at: 1,
  token: 2,
  next: 3,
  decidedBlock: 4,
  decidedAt: 5,
  posting: 6,
  lastPosting: 7,
} as const;
const OF_TAP = 8;
const POSTING = { block: 0, at: 1, next: 2 } as const;
const OF_POSTING = 3;
const FAMILY = { tap: 0, lastTap: 1 } as const;
const OF_FAMILY = 2;
/** In the place of a number: there is none. */
const NONE = -1;

export class DayRows {
  decisions = 0;
  postings = 0;
  /** Rows of the books about taps that the day has not. */
  strays: Stray[] = [];
  private blocks: RowBlock[] = [];
  private buffers: Buffer[] = [];
  private tapCount = 0;
  private readonly ofTaps = new Ints();
  private readonly ofPostings = new Ints();
  private readonly ofFamilies = new Ints();

  /** One more than the greatest number of a family that has taps this day. */
  get familiesUntil(): number {
    return this.ofFamilies.length / OF_FAMILY;
  }

  /** @param familyOf the family of a token, which the row tells where it is a new one */
  add(added: RowBlock, familyOf: (token: number, row: RowBytes) => number): void {
    const { sort, lines, rows } = added;
    const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
    const block = this.blocks.push(added) - 1;
    this.buffers.push(bytes);
    const count = rows.length / 2;
    for (let i = 0; i < count; i++) {
      const [at, about] = [rows[2 * i] as number, rows[2 * i + 1] as number];
      if (sort === 'tap') this.addTap(block, at, about, familyOf(about, { bytes, at }));
      else if (about < 0) this.addStray(sort, { bytes, at });
      else if (sort === 'decision') this.addDecision(block, at, about);
      else this.addPosting(block, at, about);
    }
    if (sort === 'posting') this.postings += count;
  }

  /** Forgets the day, to be used for another one; returns the memory of its blocks. */
  clear(): BlockMemory[] {
    const { blocks } = this;
    this.decisions = 0;
    this.postings = 0;
    this.tapCount = 0;
    this.strays = [];
    this.blocks = [];
    this.buffers = [];
    for (const list of [this.ofTaps, this.ofPostings, this.ofFamilies]) list.length = 0;
    return blocks;
  }

  private addTap(block: number, at: number, token: number, family: number): void {
    const { ofTaps, ofFamilies } = this;
    const tap = this.tapCount++;
    const first = this.placeOf(tap);
    ofTaps.set(first + TAP.block, block);
    ofTaps.set(first + TAP.at, at);
    ofTaps.set(first + TAP.token, token);
    const place = family * OF_FAMILY;
    ofFamilies.lengthen(place + OF_FAMILY, NONE);
    const last = ofFamilies.get(place + FAMILY.lastTap);
    if (last === NONE) ofFamilies.set(place + FAMILY.tap, tap);
    else ofTaps.set(last * OF_TAP + TAP.next, tap);
    ofFamilies.set(place + FAMILY.lastTap, tap);
  }

  /** Where the numbers of a tap begin; what is said of it may come before it. */
  private placeOf(tap: number): number {
    this.ofTaps.lengthen((tap + 1) * OF_TAP, NONE);
    return tap * OF_TAP;
  }

  private addStray(sort: RowSort, row: RowBytes): void {
    this.strays.push({ sort, row: aloneOf(row) });
    if (sort === 'decision') this.decisions++;
  }

  /** Of several decisions of a tap the last one stands. */
  private addDecision(block: number, at: number, tap: number): void {
    const { ofTaps, buffers } = this;
    const place = this.placeOf(tap);
    const before = ofTaps.get(place + TAP.decidedBlock);
    if (before === NONE) this.decisions++;
    else {
      const rowBefore = { bytes: buffers[before] as Buffer, at: ofTaps.get(place + TAP.decidedAt) };
      if (revisionOf(rowBefore) > revisionOf({ bytes: buffers[block] as Buffer, at })) return;
    }
    ofTaps.set(place + TAP.decidedBlock, block);
    ofTaps.set(place + TAP.decidedAt, at);
  }

  private addPosting(block: number, at: number, tap: number): void {
    const { ofTaps, ofPostings } = this;
    const posting = ofPostings.length / OF_POSTING;
    for (const number of [block, at, NONE]) ofPostings.push(number);
    const place = this.placeOf(tap);
    const last = ofTaps.get(place + TAP.lastPosting);
    if (last === NONE) ofTaps.set(place + TAP.posting, posting);
    else ofPostings.set(last * OF_POSTING + POSTING.next, posting);
    ofTaps.set(place + TAP.lastPosting, posting);
  }

  /** First tap of a family below {@link familiesUntil}; -1 = it has none this day. See {@link nextTap}. */
  firstTap(family: number): number {
    return this.ofFamilies.get(family * OF_FAMILY + FAMILY.tap);
  }

  /** The tap of the same family that came after this one; -1 = none did. */
  nextTap(tap: number): number {
    return this.ofTaps.get(tap * OF_TAP + TAP.next);
  }

  tokenOf(tap: number): number {
    return this.ofTaps.get(tap * OF_TAP + TAP.token);
  }

  rowOf(tap: number): RowBytes {
    const place = tap * OF_TAP;
    return this.row(this.ofTaps.get(place + TAP.block), this.ofTaps.get(place + TAP.at));
  }

  /** Fills in what the books have of a tap. */
  booked(tap: number, into: BookedRows): BookedRows {
    const { ofTaps, ofPostings } = this;
    const place = tap * OF_TAP;
    const decided = ofTaps.get(place + TAP.decidedBlock);
    into.decision = decided === NONE ? null : this.row(decided, ofTaps.get(place + TAP.decidedAt));
    into.postings.length = 0;
    for (let posting = ofTaps.get(place + TAP.posting); posting !== NONE; ) {
      const row = posting * OF_POSTING;
      into.postings.push(this.row(ofPostings.get(row + POSTING.block), ofPostings.get(row + POSTING.at)));
      posting = ofPostings.get(row + POSTING.next);
    }
    return into;
  }

  private row(block: number, at: number): RowBytes {
    return { bytes: this.buffers[block] as Buffer, at };
  }
}
