/**
 * Reads chosen files out of a zip archive, into memory and nowhere else. A stranger made the archive: every size is
 * bounded before a byte is unpacked, names that leave the archive refuse it, what was not asked for is never unpacked.
 * Zip64 and files in one top folder are read; `yauzl` follows the central directory (docs/decisions/0100-reading-zips.md).
 */
import { crc32 } from 'node:zlib';
import { type Entry, getFileNameLowLevel, openPromise, validateFileName, type ZipFile } from 'yauzl';

/** Most entries of an archive, those that are not read among them. */
export const ZIP_ENTRIES_MAX = 20_000;

/** Why an archive was refused. */
export const ZIP_REFUSALS = {
  ZIP_NOT_A_ZIP: 'the file is no zip archive, or its end is missing',
  ZIP_DAMAGED: 'the archive is damaged: a file does not unpack to what its directory says',
  ZIP_ENCRYPTED: 'a file of the archive is encrypted',
  ZIP_UNSAFE_NAME: 'a name in the archive leads out of it',
  ZIP_UNSUPPORTED: 'a file is packed in a way that is not read (a rare method, or a symbolic link)',
  ZIP_TOO_MANY_FILES: `the archive has more than ${ZIP_ENTRIES_MAX} entries`,
  ZIP_TOO_LARGE: 'a file of the archive, or all of them together, unpack to more than is taken',
  ZIP_TWICE: 'the archive has two files of one name',
  ZIP_NOTHING_FOUND: 'the archive has none of the files that are read',
  ZIP_SEVERAL_FOLDERS: 'several folders of the archive have files that are read, and its top has none',
} as const;
export type ZipRefusalCode = keyof typeof ZIP_REFUSALS;

export interface ZipRefusal {
  readonly code: ZipRefusalCode;
  /** The entry, or more about what is wrong; bounded. */
  readonly detail: string;
}

export interface ZipLimits {
  readonly fileBytesMax: number;
  readonly allBytesMax: number;
}

export type ZipRead =
  | { readonly ok: true; readonly files: Map<string, Uint8Array> }
  | { readonly ok: false; readonly why: ZipRefusal };

/** A refusal on its way up. */
class Refused extends Error {
  readonly why: ZipRefusal;
  constructor(code: ZipRefusalCode, detail: string) {
    super(code);
    this.why = { code, detail: detail.slice(0, 200) };
  }
}

interface NamedEntry {
  readonly name: string;
  readonly entry: Entry;
}

/** Reads the files of which `wanted` takes the bare name, from the top or from the only folder that has any. */
export async function readZip(
  path: string,
  wanted: (name: string) => boolean,
  limits: ZipLimits,
): Promise<ZipRead> {
  let zip: ZipFile;
  try {
    zip = await openPromise(path, { autoClose: false, decodeStrings: false, strictFileNames: false });
  } catch (error) {
    return { ok: false, why: { code: 'ZIP_NOT_A_ZIP', detail: messageOf(error) } };
  }
  try {
    const chosen = oneFolder((await listEntries(zip)).filter(({ name }) => wanted(baseName(name))));
    return { ok: true, files: await unpackAll(zip, chosen, limits) };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, why: error.why };
    // The library names what it found in its own words; it throws for archives only.
    const detail = messageOf(error);
    const code = /encrypt/i.test(detail) ? 'ZIP_ENCRYPTED' : 'ZIP_DAMAGED';
    return { ok: false, why: { code, detail } };
  } finally {
    zip.close();
  }
}

async function listEntries(zip: ZipFile): Promise<NamedEntry[]> {
  const entries: NamedEntry[] = [];
  let count = 0;
  for await (const entry of zip.eachEntry()) {
    if (++count > ZIP_ENTRIES_MAX) throw new Refused('ZIP_TOO_MANY_FILES', `${zip.entryCount} entries`);
    const name = getFileNameLowLevel(
      entry.generalPurposeBitFlag,
      entry.fileNameRaw,
      entry.extraFields,
      false,
    );
    if (validateFileName(name) !== null || name.includes('\u0000'))
      throw new Refused('ZIP_UNSAFE_NAME', JSON.stringify(name));
    // Folders, and what some systems add of their own.
    if (name.endsWith('/') || /(^|\/)(__MACOSX\/|\.)/.test(name)) continue;
    entries.push({ name, entry });
  }
  return entries;
}

/** The entries at the top, else those of the only folder; by bare name. */
function oneFolder(entries: readonly NamedEntry[]): Map<string, Entry> {
  const byFolder = new Map<string, NamedEntry[]>();
  for (const named of entries) {
    const folder = named.name.slice(0, -baseName(named.name).length);
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), named]);
  }
  const [first, second] = byFolder.keys();
  if (first === undefined) throw new Refused('ZIP_NOTHING_FOUND', 'no fare file of GTFS');
  if (second !== undefined && !byFolder.has(''))
    throw new Refused('ZIP_SEVERAL_FOLDERS', `${first} and ${second}`);
  const files = new Map<string, Entry>();
  for (const { name, entry } of byFolder.get('') ?? byFolder.get(first) ?? []) {
    if (files.has(baseName(name))) throw new Refused('ZIP_TWICE', name);
    files.set(baseName(name), entry);
  }
  return files;
}

async function unpackAll(
  zip: ZipFile,
  entries: ReadonlyMap<string, Entry>,
  limits: ZipLimits,
): Promise<Map<string, Uint8Array>> {
  let all = 0;
  for (const [name, entry] of entries) {
    all += entry.uncompressedSize;
    if (entry.uncompressedSize > limits.fileBytesMax || all > limits.allBytesMax)
      throw new Refused('ZIP_TOO_LARGE', `${name}: ${entry.uncompressedSize} bytes`);
    if (entry.isEncrypted()) throw new Refused('ZIP_ENCRYPTED', name);
    if (!entry.canDecodeFileData() || isLink(entry)) throw new Refused('ZIP_UNSUPPORTED', name);
  }
  const files = new Map<string, Uint8Array>();
  for (const [name, entry] of entries) files.set(name, await unpack(zip, name, entry));
  return files;
}

/** The library stops where more comes out than the directory says, so the size is known to be bounded. */
async function unpack(zip: ZipFile, name: string, entry: Entry): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  if (crc32(bytes) !== entry.crc32) throw new Refused('ZIP_DAMAGED', `${name}: the checksum differs`);
  return bytes;
}

/** A symbolic link of Unix: its content would be a path. */
function isLink(entry: Entry): boolean {
  return ((entry.externalFileAttributes >>> 16) & 0o170000) === 0o120000;
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}
