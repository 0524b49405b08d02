/**
 * Rows of one fare day and share as they came: the bytes of whole blocks, and numbers that say where in them each tap begins, which
 * family it is of, and what the books have of it. No text is made of them before it is needed, and of most never. When the day is
 * done, the same memory is used for another one: whatever is kept of it longer has to be copied.
 */
import { Ints } from './ints.ts';
import type { BlockMemory, RowBlock, RowSort } from './model.ts';
import { aloneOf, type RowBytes } from './rows.ts';

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

export class DayRows {
  decisions = 0;
  postings = 0;
  /** Families that have taps this day. */
  readonly families = new Ints();
  /** Rows of the books about taps that the day has not. */
  strays: Stray[] = [];
  private blocks: RowBlock[] = [];
  private buffers: Buffer[] = [];
  private readonly taps = new Places();
  private readonly tokens = new Ints();
  /** The next tap of the same family; -1 = none. */
  private readonly nextTaps = new Ints();
  private readonly firstOf = new Ints();
  private readonly lastOf = new Ints();
  private readonly decided = new Places();
  private readonly posted = new Places();
  private readonly nextPostings = new Ints();
  private readonly firstPosting = new Ints();
  private readonly lastPosting = new Ints();

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
      else if (about < 0) this.strays.push({ sort, row: aloneOf({ bytes, at }) });
      else if (sort === 'decision') this.addDecision(block, at, about);
      else this.addPosting(block, at, about);
    }
    if (sort === 'decision') this.decisions += count;
    if (sort === 'posting') this.postings += count;
  }

  /** Forgets the day, to be used for another one; returns the memory of its blocks. */
  clear(): BlockMemory[] {
    const { blocks } = this;
    this.decisions = 0;
    this.postings = 0;
    this.strays = [];
    this.blocks = [];
    this.buffers = [];
    for (const list of [this.families, this.tokens, this.nextTaps, this.firstOf, this.lastOf])
      list.length = 0;
    for (const list of [this.nextPostings, this.firstPosting, this.lastPosting]) list.length = 0;
    for (const places of [this.taps, this.decided, this.posted]) places.clear();
    return blocks;
  }

  private addTap(block: number, at: number, token: number, family: number): void {
    const tap = this.taps.push(block, at);
    this.tokens.push(token);
    this.nextTaps.push(-1);
    this.firstOf.lengthen(family + 1, -1);
    this.lastOf.lengthen(family + 1, -1);
    const last = this.lastOf.get(family);
    if (last < 0) {
      this.families.push(family);
      this.firstOf.set(family, tap);
    } else this.nextTaps.set(last, tap);
    this.lastOf.set(family, tap);
  }

  private addDecision(block: number, at: number, tap: number): void {
    this.decided.put(tap, block, at);
  }

  private addPosting(block: number, at: number, tap: number): void {
    const posting = this.posted.push(block, at);
    this.nextPostings.push(-1);
    this.firstPosting.lengthen(tap + 1, -1);
    this.lastPosting.lengthen(tap + 1, -1);
    const last = this.lastPosting.get(tap);
    if (last < 0) this.firstPosting.set(tap, posting);
    else this.nextPostings.set(last, posting);
    this.lastPosting.set(tap, posting);
  }

  /** First tap of a family; see {@link nextTap}. */
  firstTap(family: number): number {
    return this.firstOf.get(family);
  }

  /** The tap of the same family that came after this one; -1 = none did. */
  nextTap(tap: number): number {
    return this.nextTaps.get(tap);
  }

  tokenOf(tap: number): number {
    return this.tokens.get(tap);
  }

  rowOf(tap: number): RowBytes {
    return this.taps.row(this.buffers, tap) as RowBytes;
  }

  /** Fills in what the books have of a tap. */
  booked(tap: number, into: BookedRows): BookedRows {
    into.decision = this.decided.row(this.buffers, tap);
    into.postings.length = 0;
    let posting = tap < this.firstPosting.length ? this.firstPosting.get(tap) : -1;
    for (; posting >= 0; posting = this.nextPostings.get(posting))
      into.postings.push(this.posted.row(this.buffers, posting) as RowBytes);
    return into;
  }
}

/** Where rows stand: in which block, and from which byte on. */
class Places {
  private readonly blocks = new Ints();
  private readonly starts = new Ints();

  push(block: number, at: number): number {
    this.blocks.push(block);
    this.starts.push(at);
    return this.blocks.length - 1;
  }

  put(index: number, block: number, at: number): void {
    this.blocks.lengthen(index + 1, -1);
    this.starts.lengthen(index + 1, 0);
    this.blocks.set(index, block);
    this.starts.set(index, at);
  }

  clear(): void {
    this.blocks.length = 0;
    this.starts.length = 0;
  }

  row(buffers: readonly Buffer[], index: number): RowBytes | null {
    const block = index < this.blocks.length ? this.blocks.get(index) : -1;
    return block < 0 ? null : { bytes: buffers[block] as Buffer, at: this.starts.get(index) };
  }
}
