/**
 * Numbers for texts, by the bytes in which they come: the first one gets 0, the next 1. Making a string of each of millions of ids,
 * only to find it in a map, costs more than all that is done with what is found.
 */
export class ByteIndex {
  /** How many texts have a number. */
  count = 0;
  /** Where the cell ended that was looked for last: at its tab. */
  end = 0;
  /**
   * Places, a power of two of them, each of four numbers that lie in one line of the processor's cache: the number + 1 of the text,
   * its hash, where in `kept` it begins, and its length.
   */
  private places = new Int32Array(4 << 12);
  private kept = new Uint8Array(1 << 16);
  private used = 0;

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
    this.places.fill(0);
  }

  /** {@link take} for a cell that begins at `from` and ends with a tab, which is looked for in the same pass. */
  takeCell(bytes: Uint8Array, from: number): number {
    const hash = this.hashCell(bytes, from);
    const found = this.seek(bytes, from, this.end, hash);
    return found >= 0 ? found : this.put(bytes, from, this.end, hash);
  }

  /** The number of the text in such a cell; -1 = it has none. */
  findCell(bytes: Uint8Array, from: number): number {
    const hash = this.hashCell(bytes, from);
    return this.seek(bytes, from, this.end, hash);
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
    const { places } = this;
    const mask = places.length - 1;
    for (let at = (hash << 2) & mask; ; at = (at + 4) & mask) {
      const id = (places[at] as number) - 1;
      if (id < 0) return -1;
      if (places[at + 1] !== hash || places[at + 3] !== until - from) continue;
      if (this.isSame(places[at + 2] as number, bytes, from, until)) return id;
    }
  }

  private isSame(start: number, bytes: Uint8Array, from: number, until: number): boolean {
    const { kept } = this;
    for (let i = from, at = start; i < until; i++, at++) if (bytes[i] !== kept[at]) return false;
    return true;
  }

  private put(bytes: Uint8Array, from: number, until: number, hash: number): number {
    const id = this.count++;
    if (8 * this.count > this.places.length) this.grow();
    const start = this.used;
    const end = start + until - from;
    if (end > this.kept.length) this.kept = wider(this.kept, Math.max(end, this.kept.length * 2));
    for (let at = start, i = from; i < until; at++, i++) this.kept[at] = bytes[i] as number;
    this.used = end;
    place(this.places, id + 1, hash, start, until - from);
    return id;
  }

  /** Twice as many. At most half of the places are taken, so that the next text is found close by. */
  private grow(): void {
    const { places } = this;
    const made = new Int32Array(places.length * 2);
    const numberAt = (at: number): number => places[at] as number;
    for (let at = 0; at < places.length; at += 4)
      if (places[at] !== 0) place(made, numberAt(at), numberAt(at + 1), numberAt(at + 2), numberAt(at + 3));
    this.places = made;
  }
}

function place(places: Int32Array, id: number, hash: number, start: number, length: number): void {
  const mask = places.length - 1;
  let at = (hash << 2) & mask;
  while (places[at] !== 0) at = (at + 4) & mask;
  places[at] = id;
  places[at + 1] = hash;
  places[at + 2] = start;
  places[at + 3] = length;
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
