/** Reads the tar form in which PostgreSQL sends a base backup (POSIX ustar: files, folders, links). */

/** One entry. Its body must be read to the end before the next entry is asked for. */
export interface TarEntry {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link';
  readonly size: bigint;
  readonly mode: number;
  readonly linkTarget: string;
  readonly body: AsyncIterable<Buffer>;
}

const BLOCK = 512;

/** The entries of a stream of bytes. @throws Error when the stream is not tar or ends in the middle. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const bytes = new ByteSource(source);
  for (;;) {
    const header = await bytes.take(BLOCK);
    // PostgreSQL's own stream ends without the two empty blocks; files of it may have them.
    if (header === null || header.every((byte) => byte === 0)) return;
    const size = sizeOf(header);
    let read = false;
    yield {
      path:
        textOf(header, 345, 155) === ''
          ? textOf(header, 0, 100)
          : `${textOf(header, 345, 155)}/${textOf(header, 0, 100)}`,
      kind: kindOf(header),
      size,
      mode: Number.parseInt(textOf(header, 100, 8).trim() || '0', 8),
      linkTarget: textOf(header, 157, 100),
      body: {
        async *[Symbol.asyncIterator]() {
          read = true;
          yield* bytes.many(size);
        },
      },
    };
    if (!read) for await (const _ of bytes.many(size));
    const padding = (BLOCK - Number(size % BigInt(BLOCK))) % BLOCK;
    if (padding > 0) await bytes.take(padding);
  }
}

function kindOf(header: Buffer): TarEntry['kind'] {
  checkSum(header);
  const flag = String.fromCharCode(header[156] as number);
  if (flag === '5') return 'folder';
  if (flag === '2') return 'link';
  if (flag === '0' || flag === '\0') return 'file';
  throw new Error(`a tar entry of kind ${JSON.stringify(flag)} is not expected here`);
}

function checkSum(header: Buffer): void {
  const said = Number.parseInt(textOf(header, 148, 8).trim(), 8);
  const blanked = Buffer.from(header);
  blanked.fill(0x20, 148, 156);
  const sum = blanked.reduce((total, byte) => total + byte, 0);
  if (sum !== said) throw new Error('this is no tar stream, or it is damaged');
}

/** Octal digits, or for files of 8 GiB and more a big-endian number with the first bit set. */
function sizeOf(header: Buffer): bigint {
  if (((header[124] as number) & 0x80) === 0) return BigInt(`0o${textOf(header, 124, 12).trim() || '0'}`);
  return BigInt(`0x${header.subarray(125, 136).toString('hex')}`);
}

function textOf(header: Buffer, from: number, length: number): string {
  const field = header.subarray(from, from + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString('utf8');
}

/** Takes whole pieces from chunks of any size. */
class ByteSource {
  private readonly iterator: AsyncIterator<Buffer>;
  private rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.iterator = source[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes, or null at the very end. */
  async take(count: number): Promise<Buffer | null> {
    const parts: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === null && parts.length === 0) return null;
      if (part === null) throw new Error('the tar stream ends in the middle');
      parts.push(part);
      missing -= part.byteLength;
    }
    return Buffer.concat(parts);
  }

  async *many(count: bigint): AsyncGenerator<Buffer> {
    let missing = count;
    while (missing > 0n) {
      const part = await this.some(Number(missing > 1_048_576n ? 1_048_576n : missing));
      if (part === null) throw new Error('the tar stream ends in the middle');
      missing -= BigInt(part.byteLength);
      yield part;
    }
  }

  private async some(max: number): Promise<Buffer | null> {
    while (this.rest.byteLength === 0) {
      const { value, done } = await this.iterator.next();
      if (done) return null;
      this.rest = value;
    }
    const part = this.rest.subarray(0, max);
    this.rest = this.rest.subarray(part.byteLength);
    return part;
  }
}
