/**
 * Hands rows of taps, decisions and postings to the shares of a city, in blocks and in the order in which they came: a tap to the
 * share that prices its account, what the books have of it to the same. Each row is told with a number, so that no share has to look
 * for anything by its text.
 */
import { ByteIndex } from './byte-index.ts';
import type { HomeOf } from './home.ts';
import type { BlockMemory, RepriceShard, RowSort } from './model.ts';

const SORTS = ['tap', 'decision', 'posting'] as const;
const BLOCK_BYTES = 256 * 1024;
const ROWS_OF_BLOCK = 4096;
const NEWLINE = 10;

interface Block extends BlockMemory {
  used: number;
  count: number;
}

export class PostOffice {
  private readonly shards: readonly RepriceShard[];
  private readonly homeOf: HomeOf;
  private readonly blocks: (Block | undefined)[] = [];
  private readonly tokens: Addresses;
  private readonly taps: Addresses;
  private readonly strays: Buffer[] = [];

  /** @param homeOf which shard works on a token's taps */
  constructor(shards: readonly RepriceShard[], homeOf: HomeOf) {
    this.shards = shards;
    this.homeOf = homeOf;
    this.tokens = new Addresses(shards.length);
    this.taps = new Addresses(shards.length);
  }

  /** Taps of the day that came so far. */
  get tapsOfDay(): number {
    return this.taps.count;
  }

  /** Takes a row: `bytes[from]` to `bytes[until]`, its newline included. The taps of a day come before what is said of them. */
  take(sort: RowSort, bytes: Buffer, from: number, until: number): void {
    if (sort === 'tap') this.takeTap(bytes, from, until);
    else this.takeBooked(sort, bytes, from, until);
  }

  /** The same for whole lines. */
  takeAll(sort: RowSort, lines: Buffer): void {
    for (let from = 0; from < lines.length; ) {
      const until = lines.indexOf(NEWLINE, from) + 1;
      this.take(sort, lines, from, until);
      from = until;
    }
  }

  /**
   * Decisions so far about taps that the day has not, each a line; they are not handed on. Such a tap has gone to another day, and was
   * usually decided anew there: whoever can look that up {@link takeStray | gives back} those that stand.
   */
  strayDecisions(): Buffer[] {
    return this.strays.splice(0);
  }

  takeStray(line: Buffer): void {
    this.put(0, 'decision', { bytes: line, from: 0, until: line.length }, -1);
  }

  /** The day has no more rows: what is left of it goes out. */
  endDay(): void {
    for (const [key, block] of this.blocks.entries()) if (block !== undefined) this.send(key, block);
    this.blocks.length = 0;
    this.taps.clear();
  }

  private takeTap(bytes: Buffer, from: number, until: number): void {
    const { tokens, taps } = this;
    const tap = taps.take(bytes, from);
    if (!taps.isNew(tap)) throw new Error(`a tap came twice: ${bytes.toString('utf8', from, taps.end)}`);
    const start = taps.end + 1;
    const token = tokens.take(bytes, start);
    if (tokens.isNew(token)) tokens.settle(token, this.homeOf(bytes.toString('utf8', start, tokens.end)));
    const share = tokens.shareOf(token);
    taps.settle(tap, share);
    this.put(share, 'tap', { bytes, from, until }, tokens.numberOf(token));
  }

  private takeBooked(sort: RowSort, bytes: Buffer, from: number, until: number): void {
    const tap = this.taps.find(bytes, from);
    if (tap < 0 && sort === 'decision') this.strays.push(Buffer.from(bytes.subarray(from, until)));
    // What is said of a tap that the day has not: one share says so.
    else if (tap < 0) this.put(0, sort, { bytes, from, until }, -1);
    else this.put(this.taps.shareOf(tap), sort, { bytes, from, until }, this.taps.numberOf(tap));
  }

  private put(
    share: number,
    sort: RowSort,
    row: { readonly bytes: Buffer; readonly from: number; readonly until: number },
    about: number,
  ): void {
    const key = share * SORTS.length + SORTS.indexOf(sort);
    const length = row.until - row.from;
    let block = this.blocks[key];
    if (block === undefined || block.used + length > block.lines.length || block.count === ROWS_OF_BLOCK) {
      if (block !== undefined) this.send(key, block);
      block = this.newBlock(share, length);
      this.blocks[key] = block;
    }
    row.bytes.copy(block.lines, block.used, row.from, row.until);
    block.rows[2 * block.count] = block.used;
    block.rows[2 * block.count + 1] = about;
    block.used += length;
    block.count++;
  }

  private newBlock(share: number, length: number): Block {
    const spare = this.shards[share]?.spare();
    // Nobody needs to see how much of it was used before.
    const lines = new Uint8Array(spare?.lines.buffer ?? new SharedArrayBuffer(BLOCK_BYTES));
    const rows = new Int32Array(spare?.rows.buffer ?? new SharedArrayBuffer(8 * ROWS_OF_BLOCK));
    const fits = lines.length >= length;
    return { lines: fits ? lines : new Uint8Array(new SharedArrayBuffer(length)), rows, used: 0, count: 0 };
  }

  private send(key: number, { lines, rows, used, count }: Block): void {
    const shard = this.shards[Math.floor(key / SORTS.length)] as RepriceShard;
    const sort = SORTS[key % SORTS.length] as RowSort;
    shard.add({ sort, lines: lines.subarray(0, used), rows: rows.subarray(0, 2 * count) });
  }
}

/** Of texts the share that each belongs to, and the how manyth it is there. */
class Addresses {
  private readonly index = new ByteIndex();
  private readonly counts: number[];
  private settled = 0;
  private shares = new Uint8Array(1 << 12);
  private numbers = new Int32Array(1 << 12);

  constructor(shares: number) {
    this.counts = Array.from({ length: shares }, () => 0);
  }

  get count(): number {
    return this.index.count;
  }

  clear(): void {
    this.index.clear();
    this.counts.fill(0);
    this.settled = 0;
  }

  /** Where the cell ended that was looked for last. */
  get end(): number {
    return this.index.end;
  }

  take(bytes: Uint8Array, from: number): number {
    return this.index.takeCell(bytes, from);
  }

  find(bytes: Uint8Array, from: number): number {
    return this.index.findCell(bytes, from);
  }

  /** Taken, and not settled yet. */
  isNew(id: number): boolean {
    return id === this.settled;
  }

  settle(id: number, share: number): void {
    if (id >= this.shares.length) {
      const [shares, numbers] = [new Uint8Array(2 * id), new Int32Array(2 * id)];
      shares.set(this.shares);
      numbers.set(this.numbers);
      [this.shares, this.numbers] = [shares, numbers];
    }
    this.settled++;
    this.shares[id] = share;
    this.numbers[id] = this.counts[share] as number;
    (this.counts[share] as number)++;
  }

  shareOf(id: number): number {
    return this.shares[id] as number;
  }

  numberOf(id: number): number {
    return this.numbers[id] as number;
  }
}
