/** A list of whole numbers that grows: an array of objects, one for each of millions of rows, would be all that memory is used for. */
export class Ints {
  length = 0;
  private data: Int32Array;

  constructor(room = 1024) {
    this.data = new Int32Array(room);
  }

  /** @param at below `length` */
  get(at: number): number {
    return this.data[at] as number;
  }

  set(at: number, value: number): void {
    this.data[at] = value;
  }

  push(value: number): void {
    if (this.length === this.data.length) this.widen(this.length * 2);
    this.data[this.length++] = value;
  }

  /** As long as that at least; what comes new is `value`. */
  lengthen(length: number, value: number): void {
    if (length <= this.length) return;
    if (length > this.data.length) this.widen(Math.max(length, this.data.length * 2));
    this.data.fill(value, this.length, length);
    this.length = length;
  }

  private widen(room: number): void {
    const data = new Int32Array(room);
    data.set(this.data);
    this.data = data;
  }
}
