/**
 * Names of devices, vehicles, routes and stops out of rows: a city has some thousands, and each row has some of them. The same name is
 * the same text each time, so that none is made twice and what is looked up by it is found by one glance.
 */
import { ByteIndex } from './byte-index.ts';
import { textOf } from './rows.ts';

export class Names {
  private readonly index = new ByteIndex();
  private readonly texts: string[] = [];

  /** The name in a cell of COPY's text format. */
  of(bytes: Buffer, from: number, until: number): string {
    const id = this.index.take(bytes, from, until);
    if (id === this.texts.length) this.texts.push(textOf(bytes.toString('utf8', from, until)));
    return this.texts[id] as string;
  }
}
