/**
 * Writes zip archives for tests, hostile ones among them: every field can be made to lie. From the PKWARE APPNOTE
 * (4.3.7 local header, 4.3.12 directory, 4.3.14 zip64 end, 4.5.3 zip64 field), independent of the library that reads.
 */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** 0 stored, 8 deflate (what is written when absent); any other number is only claimed. */
  readonly method?: number;
  readonly flags?: number;
  /** What the directory claims, where it is not the truth. */
  readonly size?: number;
  readonly crc?: number;
  readonly externalAttributes?: number;
  /** Sizes and offset in a zip64 field, as in archives over 4 GiB. */
  readonly zip64?: boolean;
}

const U32_MAX = 0xffff_ffff;
const UTF8_FLAG = 0x800;

function u(bytes: 2 | 4 | 8, value: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 2) buffer.writeUInt16LE(value);
  else if (bytes === 4) buffer.writeUInt32LE(value);
  else buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

/** The bytes of an archive. `zip64End` adds the zip64 end records. */
export function zipArchive(entries: readonly ZipEntry[], options: { zip64End?: boolean } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const content = Buffer.from(entry.content as Uint8Array);
    const method = entry.method ?? 8;
    const packed = method === 8 ? deflateRawSync(content) : content;
    const name = Buffer.from(entry.name, 'utf8');
    const size = entry.size ?? content.length;
    const big = entry.zip64 === true;
    const extra = big
      ? Buffer.concat([u(2, 1), u(2, 24), u(8, size), u(8, packed.length), u(8, offset)])
      : Buffer.alloc(0);
    const common = Buffer.concat([
      u(2, big ? 45 : 20),
      u(2, UTF8_FLAG | (entry.flags ?? 0)),
      u(2, method),
      u(4, 0),
      u(4, entry.crc ?? crc32(content)),
      u(4, big ? U32_MAX : packed.length),
      u(4, big ? U32_MAX : size),
      u(2, name.length),
    ]);
    const local = Buffer.concat([u(4, 0x04034b50), common, u(2, 0), name, packed]);
    directory.push(
      Buffer.concat([u(4, 0x02014b50), u(2, 0x031e), common, u(2, extra.length), u(2, 0), u(2, 0), u(2, 0)]),
      Buffer.concat([u(4, entry.externalAttributes ?? 0), u(4, big ? U32_MAX : offset), name, extra]),
    );
    parts.push(local);
    offset += local.length;
  }
  const listed = Buffer.concat(directory);
  const count = entries.length;
  const zip64 = options.zip64End === true;
  const end64 = zip64
    ? [
        Buffer.concat([u(4, 0x06064b50), u(8, 44), u(2, 45), u(2, 45), u(4, 0), u(4, 0), u(8, count)]),
        Buffer.concat([u(8, count), u(8, listed.length), u(8, offset)]),
        Buffer.concat([u(4, 0x07064b50), u(4, 0), u(8, offset + listed.length), u(4, 1)]),
      ]
    : [];
  const claimed = zip64 ? [u(2, 0xffff), u(2, 0xffff)] : [u(2, count), u(2, count)];
  const where = zip64 ? [u(4, U32_MAX), u(4, U32_MAX)] : [u(4, listed.length), u(4, offset)];
  const end = [u(4, 0x06054b50), u(2, 0), u(2, 0), ...claimed, ...where, u(2, 0)];
  return Buffer.concat([...parts, listed, ...end64, ...end]);
}
