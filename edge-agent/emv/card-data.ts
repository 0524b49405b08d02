/**
 * What a card has said in one conversation, by tag, and which of it a signature covers. EMV allows each primitive data
 * object once (Book 3, 7.5). Visa cards repeat some of their options in a record: the same value twice shadows nothing and
 * is taken; another value is not, so that nothing signed can be contradicted outside of the signature.
 */
import type { DataObject } from '../tlv.ts';

interface Said {
  readonly value: Buffer;
  covered: boolean;
}

/** Most objects that one card may say. */
const OBJECTS_MAX = 256;

export class CardData {
  readonly #said = new Map<number, Said>();

  /** Takes objects in. `false`: one was there with another value, or there are too many. */
  add(objects: readonly DataObject[], covered: boolean): boolean {
    for (const { tag, value } of objects) {
      const earlier = this.#said.get(tag);
      if (earlier) {
        if (!earlier.value.equals(value)) return false;
        earlier.covered ||= covered;
        continue;
      }
      if (this.#said.size === OBJECTS_MAX) return false;
      this.#said.set(tag, { value, covered });
    }
    return true;
  }

  get(tag: number): Buffer | undefined {
    return this.#said.get(tag)?.value;
  }

  /** Only what is known to be the issuer's word, or the genuine card's, after offline data authentication. */
  getCovered(tag: number): Buffer | undefined {
    const said = this.#said.get(tag);
    return said?.covered ? said.value : undefined;
  }

  /** Says that a check has covered these. */
  cover(tags: readonly number[]): void {
    for (const tag of tags) {
      const said = this.#said.get(tag);
      if (said) said.covered = true;
    }
  }
}
