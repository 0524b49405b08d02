/** Looks for card numbers where none may be: in files, texts, and the memory of processes. */
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Several card numbers in every form. */
export function formsOfAll(pans: readonly string[]): ReadonlyMap<string, Buffer> {
  return new Map(
    pans.flatMap((pan) => [...formsOf(pan)].map(([name, form]) => [`${pan}, ${name}`, form] as const)),
  );
}

/** A card number in every form in which it could lie around. */
export function formsOf(pan: string): ReadonlyMap<string, Buffer> {
  const packed = Buffer.from(pan.length % 2 === 0 ? pan : `${pan}f`, 'hex');
  return new Map([
    ['digits', Buffer.from(pan, 'latin1')],
    ['digits in UTF-16', Buffer.from(pan, 'utf16le')],
    // An odd number's last half-byte is filler or a track's separator: it is left out.
    ['packed', packed.subarray(0, pan.length >> 1)],
    ['packed, in base64', Buffer.from(packed.subarray(0, 6).toString('base64'), 'latin1')],
    ['digits, in hex', Buffer.from(Buffer.from(pan, 'latin1').toString('hex'), 'latin1')],
  ]);
}

/** Names of the forms that occur in some bytes. */
export function formsIn(bytes: Buffer, forms: ReadonlyMap<string, Buffer>): string[] {
  return [...forms].filter(([, form]) => bytes.includes(form)).map(([name]) => name);
}

/** Each file under a folder in which a form occurs, with the form. */
export function scanFolder(dir: string, forms: ReadonlyMap<string, Buffer>): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(dir, name)).isFile())
    .flatMap((name) => formsIn(readFileSync(join(dir, name)), forms).map((form) => `${name}: ${form}`));
}

/** Every row of every table of a database as text, bytes in hex; `query` runs as someone who may read all. */
export async function textOfDatabase(
  query: (sql: string) => Promise<readonly { readonly text: string }[]>,
): Promise<Buffer> {
  const tables = await query(
    `SELECT format('%I.%I', schemaname, tablename) AS text FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const rows: string[] = [];
  for (const table of tables) {
    rows.push(table.text);
    for (const { text } of await query(`SELECT t::text AS text FROM ${table.text} AS t`)) rows.push(text);
  }
  return Buffer.from(rows.join('\n'));
}

const CHUNK_BYTES = 1 << 18;
const PAGE_BYTES = 4096;

/**
 * Each place in a process's writable memory in which a form occurs, with the form: what cannot be written is as it came from
 * the disk. Linux; for processes of one's own.
 */
export function scanMemory(pid: number, forms: ReadonlyMap<string, Buffer>): string[] {
  const found: string[] = [];
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const pages = openSync(`/proc/${pid}/pagemap`, 'r');
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const region = /^([0-9a-f]+)-([0-9a-f]+) (rw\S*) \S+ \S+ \S+ *(.*)$/.exec(line);
      if (!region || region[4]?.startsWith('[v')) continue;
      const [from, until] = [BigInt(`0x${region[1]}`), BigInt(`0x${region[2]}`)];
      for (const [at, form] of formsInRegion({ memory, pages }, from, until, forms))
        found.push(`${at.toString(16)} ${region[4] || 'anonymous'}: ${form}`);
    }
  } finally {
    closeSync(pages);
    closeSync(memory);
  }
  return found;
}

function* formsInRegion(
  { memory, pages }: { readonly memory: number; readonly pages: number },
  from: bigint,
  until: bigint,
  forms: ReadonlyMap<string, Buffer>,
): Generator<[bigint, string]> {
  const overlap = 64;
  const chunk = Buffer.alloc(CHUNK_BYTES + overlap);
  for (let at = from; at < until; at += BigInt(CHUNK_BYTES)) {
    if (!isTouched(pages, at)) continue;
    const left = until - at;
    const wanted = left < BigInt(chunk.length) ? Number(left) : chunk.length;
    let bytes = 0;
    try {
      bytes = readSync(memory, chunk, 0, wanted, at as unknown as number);
    } catch {
      continue; // a guard page, or gone meanwhile
    }
    for (const [name, form] of forms) {
      const found = chunk.subarray(0, bytes).indexOf(form);
      if (found >= 0) yield [at + BigInt(found), name];
    }
  }
}

/** Whether any page of a chunk was ever written; a process reserves far more than it uses. */
function isTouched(pages: number, at: bigint): boolean {
  const entries = Buffer.alloc((CHUNK_BYTES / PAGE_BYTES) * 8);
  const bytes = readSync(pages, entries, 0, entries.length, Number(at / BigInt(PAGE_BYTES)) * 8);
  // The two highest bits of an entry: present, or swapped out.
  for (let entry = 0; entry < bytes; entry += 8)
    if (((entries[entry + 7] as number) & 0xc0) !== 0) return true;
  return false;
}
