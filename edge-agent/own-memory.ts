/**
 * Memory that can be zeroed for good. V8 keeps small arrays (up to 64 bytes) within its heap and moves them as it cleans up,
 * so that zeroing the last copy leaves the ones before; and Node takes small buffers from a pool. An ArrayBuffer of its own
 * lies outside of both and stays where it is.
 */

/** Zeroed memory of its own. */
export function ownMemory(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes));
}
