/**
 * Rows of one fare day and share as they came: the text of whole blocks, and numbers that say where in it each tap begins, which
 * family it is of, and what the books have of it. Nothing is cut out of the text before it is needed.
 */
import { isAscii } from 'node:buffer';
import { Ints } from './ints.ts';
import type { RowBlock, RowSort } from './model.ts';
import type { RowText } from './rows.ts';

/** What the books have of one tap, filled in again for the next one: millions of them would be garbage. See BookedTap. */
export interface BookedRows {
  decision: RowText | null;
  readonly postings: RowText[];
}

/** A row of the books about a tap that the day has not. */
export interface Stray {
  readonly sort: RowSort;
  readonly row: RowText;
}

export class DayRows {
  decisions = 0;
  postings = 0;
  /** Families that have taps this day. */
  readonly families = new Ints();
  /** Rows of the books about taps that the day has not. */
  readonly strays: Stray[] = [];
  private readonly texts: string[] = [];
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
  add({ sort, lines, rows }: RowBlock, familyOf: (token: number, row: RowText) => number): void {
    const [text, starts] = textOfBlock(lines, rows);
    const block = this.texts.push(text) - 1;
    for (let i = 0; i < starts.length; i++) {
      const [at, about] = [starts[i] as number, rows[2 * i + 1] as number];
      if (sort === 'tap') this.addTap(block, at, about, familyOf(about, { text, at }));
      else if (about < 0) this.strays.push({ sort, row: { text, at } });
      else if (sort === 'decision') this.addDecision(block, at, about);
      else this.addPosting(block, at, about);
    }
    if (sort === 'decision') this.decisions += starts.length;
    if (sort === 'posting') this.postings += starts.length;
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

  rowOf(tap: number): RowText {
    return this.taps.row(this.texts, tap) as RowText;
  }

  /** Fills in what the books have of a tap. */
  booked(tap: number, into: BookedRows): BookedRows {
    into.decision = this.decided.row(this.texts, tap);
    into.postings.length = 0;
    let posting = tap < this.firstPosting.length ? this.firstPosting.get(tap) : -1;
    for (; posting >= 0; posting = this.nextPostings.get(posting))
      into.postings.push(this.posted.row(this.texts, posting) as RowText);
    return into;
  }
}

/** Where rows stand: in which block, and from which sign on. */
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

  row(texts: readonly string[], index: number): RowText | null {
    const block = index < this.blocks.length ? this.blocks.get(index) : -1;
    return block < 0 ? null : { text: texts[block] as string, at: this.starts.get(index) };
  }
}

/** The block as text, and where each row begins in it: at its byte, unless a sign before it takes several. */
function textOfBlock(lines: Uint8Array, rows: Int32Array): [string, Int32Array | number[]] {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  const starts = new Int32Array(rows.length / 2);
  for (let i = 0; i < starts.length; i++) starts[i] = rows[2 * i] as number;
  if (isAscii(bytes)) return [bytes.toString('latin1'), starts];
  let text = '';
  for (let i = 0; i < starts.length; i++) {
    const line = bytes.toString('utf8', starts[i], starts[i + 1] ?? bytes.length);
    starts[i] = text.length;
    text += line;
  }
  return [text, starts];
}
