/**
 * One proof for many leaves of a tree, given in their order: between two of them stand the hashes of the whole subtrees that lie
 * there, and the root follows from all of it in one pass. Neighbours share what a path for each of them would repeat, and neither
 * who proves nor who checks holds more than a path. Pure.
 */
import { EMPTY_ROOT, nodeHash } from './merkle.ts';

/** A whole subtree: 2^height leaves, the `index`-th of that size. */
export interface Block {
  readonly height: number;
  readonly index: number;
}

/** The whole subtrees that lie side by side over the leaves `[from, until)`, from left to right. */
export function blocksBetween(from: number, until: number): Block[] {
  const blocks: Block[] = [];
  let at = from;
  while (at < until) {
    let [span, height] = [1, 0];
    while (at % (span * 2) === 0 && at + span * 2 <= until) [span, height] = [span * 2, height + 1];
    blocks.push({ height, index: at / span });
    at += span;
  }
  return blocks;
}

/** Grows a tree from left to right out of leaves and whole subtrees, remembering its right edge alone. */
export class TreeFromParts {
  /** Leaves so far. */
  size = 0;
  readonly #edge: { height: number; hash: Uint8Array }[] = [];

  /** Adds a subtree that begins where the tree ends. @throws RangeError where none of this height may begin there */
  add(hash: Uint8Array, height = 0): void {
    const span = 2 ** height;
    if (this.size % span !== 0)
      throw new RangeError(`no subtree of 2^${height} leaves begins at ${this.size}`);
    this.size += span;
    let part = { height, hash };
    for (let left = this.#edge.at(-1); left?.height === part.height; left = this.#edge.at(-1)) {
      this.#edge.pop();
      part = { height: part.height + 1, hash: nodeHash(left.hash, part.hash) };
    }
    this.#edge.push(part);
  }

  /** Root of what was added. */
  root(): Uint8Array {
    const [first, ...rest] = [...this.#edge].reverse();
    return rest.reduce((right, left) => nodeHash(left.hash, right), first?.hash ?? EMPTY_ROOT);
  }
}
