/**
 * Memory that must not outlive its use: card numbers and what contains them. Nothing here is ever a JS string, which
 * could not be wiped.
 */
import { ownMemory } from '../own-memory.ts';

/** Owns some bytes until it is wiped. Prints and serialises as `[secret]`. */
export class SecretBytes {
  #bytes: Buffer | undefined;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Copies the bytes into memory of its own and wipes where they came from. */
  static take(source: Uint8Array): SecretBytes {
    const own = ownMemory(source.length);
    own.set(source);
    source.fill(0);
    return new SecretBytes(own);
  }

  /** Shows the bytes to `work` for as long as it runs; it must keep no copy. @throws when they were wiped. */
  use<T>(work: (bytes: Buffer) => T): T {
    if (this.#bytes === undefined) throw new Error('these secret bytes were wiped');
    return work(this.#bytes);
  }

  /** Zeroes the memory. May be called again. */
  wipe(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

/** Buffers of one conversation with a card: all are zeroed together when it is over, whichever way it ends. */
export class SecretArena {
  readonly #kept: { fill(value: number): unknown }[] = [];

  /** Takes a buffer that others made into its care. */
  keep<T extends Uint8Array>(bytes: T): T {
    this.#kept.push(bytes);
    return bytes;
  }

  /** The parts in a row, in memory of this arena. */
  join(parts: readonly Uint8Array[]): Buffer {
    const whole = ownMemory(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return this.keep(whole);
  }

  wipe(): void {
    for (const bytes of this.#kept) bytes.fill(0);
    this.#kept.length = 0;
  }
}
