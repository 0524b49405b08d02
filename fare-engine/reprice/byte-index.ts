/**
 * Numbers for texts, by the bytes in which they come: the first one gets 0, the next 1. Making a string of each of millions of ids,
 * only to find it in a map, costs more than all that is done with what is found.
 */
export class ByteIndex {
  /** How many texts have a number. */
  count = 0;
  /** Where the cell ended that was looked for last: at its tab. */
  end = 0;
  /** Places, a power of two of them, where hashes lead: the number + 1 of a text. They are small, so that many are in the processor's cache. */
  private places = new Int32Array(1 << 12);
  private kept = new Uint8Array(1 << 16);
  private used = 0;
  /** Of each number the hash of its text, and where in `kept` that begins. */
  private texts = new Int32Array(2 << 11);
  /** What was found last. */
  private last = -1;

  /** The number of the text in `bytes` from `from` to `until`; a new one if it was not there, and then `count` is greater. */
  take(bytes: Uint8Array, from: number, until: number): number {
    const hash = hashOf(bytes, from, until);
    const found = this.seek(bytes, from, until, hash);
    return found >= 0 ? found : this.put(bytes, from, until, hash);
  }

  /** The number of the text; -1 = it has none. */
  find(bytes: Uint8Array, from: number, until: number): number {
    return this.seek(bytes, from, until, hashOf(bytes, from, until));
  }

  /** Forgets all texts. The room for them stays. */
  clear(): void {
    this.count = 0;
    this.used = 0;
    this.last = -1;
    this.places.fill(0);
  }

  /** {@link take} for a cell that begins at `from` and ends with a tab, which is looked for in the same pass. */
  takeCell(bytes: Uint8Array, from: number): number {
    const hash = this.hashCell(bytes, from);
    const found = this.seek(bytes, from, this.end, hash);
    return found >= 0 ? found : this.put(bytes, from, this.end, hash);
  }

  /**
   * The number of the text in such a cell; -1 = it has none. What is said of texts usually comes in the order in which they came, so the
   * next one is looked at first, and the same once more: those lie in the processor's cache.
   */
  findCell(bytes: Uint8Array, from: number): number {
    const next = this.last + 1;
    if (next < this.count && this.isCell(next, bytes, from)) return this.found(next);
    if (this.last >= 0 && this.isCell(this.last, bytes, from)) return this.last;
    const hash = this.hashCell(bytes, from);
    return this.found(this.seek(bytes, from, this.end, hash));
  }

  private found(id: number): number {
    if (id >= 0) this.last = id;
    return id;
  }

  /** Whether the cell is the text of a number; then it is known where it ends. */
  private isCell(id: number, bytes: Uint8Array, from: number): boolean {
    const start = this.texts[2 * id + 1] as number;
    const until = from + this.endOf(id) - start;
    if (bytes[until] !== TAB || !this.isSame(start, bytes, from, until)) return false;
    this.end = until;
    return true;
  }

  private hashCell(bytes: Uint8Array, from: number): number {
    let hash = HASH_START;
    let at = from;
    for (let code = bytes[at]; code !== TAB && code !== undefined; code = bytes[++at])
      hash = Math.imul(hash ^ code, HASH_PRIME);
    this.end = at;
    return stirred(hash);
  }

  private seek(bytes: Uint8Array, from: number, until: number, hash: number): number {
    const { places, texts } = this;
    const mask = places.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const id = (places[at] as number) - 1;
      if (id < 0) return -1;
      if (texts[2 * id] !== hash) continue;
      const start = texts[2 * id + 1] as number;
      if (this.endOf(id) - start === until - from && this.isSame(start, bytes, from, until)) return id;
    }
  }

  /** Where in `kept` a text ends. */
  private endOf(id: number): number {
    return id + 1 < this.count ? (this.texts[2 * id + 3] as number) : this.used;
  }

  private isSame(start: number, bytes: Uint8Array, from: number, until: number): boolean {
    const { kept } = this;
    for (let i = from, at = start; i < until; i++, at++) if (bytes[i] !== kept[at]) return false;
    return true;
  }

  private put(bytes: Uint8Array, from: number, until: number, hash: number): number {
    const id = this.count++;
    if (2 * this.count > this.places.length) this.grow();
    const start = this.used;
    const end = start + until - from;
    if (end > this.kept.length) this.kept = wider(this.kept, Math.max(end, this.kept.length * 2));
    for (let at = start, i = from; i < until; at++, i++) this.kept[at] = bytes[i] as number;
    this.used = end;
    this.texts[2 * id] = hash;
    this.texts[2 * id + 1] = start;
    place(this.places, id, hash);
    return id;
  }

  /** Twice as many. At most half of the places are taken, so that the next text is found close by. */
  private grow(): void {
    const { texts } = this;
    this.places = new Int32Array(this.places.length * 2);
    this.texts = new Int32Array(this.places.length);
    this.texts.set(texts);
    for (let id = 0; id < this.count - 1; id++) place(this.places, id, texts[2 * id] as number);
  }
}

function place(places: Int32Array, id: number, hash: number): void {
  const mask = places.length - 1;
  let at = hash & mask;
  while (places[at] !== 0) at = (at + 1) & mask;
  places[at] = id + 1;
}

function wider(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(length);
  made.set(bytes);
  return made;
}

const TAB = 9;
const HASH_START = 0x811c9dc5;
const HASH_PRIME = 0x01000193;

/** FNV-1a with a last stir: ids differ in their last signs, and those have to reach all places. */
function hashOf(bytes: Uint8Array, from: number, until: number): number {
  let hash = HASH_START;
  for (let i = from; i < until; i++) hash = Math.imul(hash ^ (bytes[i] as number), HASH_PRIME);
  return stirred(hash);
}

function stirred(hash: number): number {
  const mixed = hash ^ (hash >>> 15);
  return Math.imul(mixed, 0x2c1b3c6d) ^ (mixed >>> 12);
}
