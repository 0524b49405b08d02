/** Rows into a table of a benchmark's database, millions of them: through a file that the server itself reads. */
import { writeFileSync } from 'node:fs';
import pg from 'pg';

export type Cell = string | number | bigint | null | undefined;

/** Lines of COPY's text format. Cells hold no tab and no newline: nothing from outside comes here. */
export function linesOf<T>(items: readonly T[], rowOf: (item: T) => readonly Cell[]): string {
  let text = '';
  for (const item of items) {
    const cells = rowOf(item).map((cell) => (cell === null || cell === undefined ? '\\N' : String(cell)));
    text += `${cells.join('\t')}\n`;
  }
  return text;
}

/** `\x00`, as a cell. */
export const NO_BYTES = '\\\\x00';

/** Loads lines into a table. @param target table and columns @param file a path of the benchmark's own, written over */
export async function loadLines(
  admin: pg.Client,
  target: string,
  lines: string,
  file: string,
): Promise<void> {
  writeFileSync(file, lines, { mode: 0o644 });
  await admin.query(`COPY ${target} FROM ${pg.escapeLiteral(file)}`);
}
