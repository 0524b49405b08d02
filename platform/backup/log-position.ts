/** Places in PostgreSQL's write-ahead log, and the names of the files that hold them. */

/** Size of a segment as PostgreSQL makes it unless told otherwise; ours are never told otherwise. */
export const SEGMENT_BYTES = 16n * 1024n * 1024n;

const SEGMENTS_PER_ID = 0x1_0000_0000n / SEGMENT_BYTES;

/** `16/B374D848` → a number of bytes. @throws RangeError for another form. */
export function parsePosition(text: string): bigint {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match) throw new RangeError(`not a place in a write-ahead log: ${JSON.stringify(text.slice(0, 40))}`);
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

/** The place as PostgreSQL writes it. */
export function positionText(position: bigint): string {
  const part = (n: bigint): string => n.toString(16).toUpperCase();
  return `${part(position >> 32n)}/${part(position & 0xffff_ffffn)}`;
}

/** Number of the segment that holds the byte at a place. */
export function segmentOf(position: bigint): bigint {
  return position / SEGMENT_BYTES;
}

/** Name of a segment's file: timeline, then number, 24 hexadecimal digits. */
export function segmentName(timeline: number, segment: bigint): string {
  const part = (n: bigint | number): string => n.toString(16).toUpperCase().padStart(8, '0');
  return part(timeline) + part(segment / SEGMENTS_PER_ID) + part(segment % SEGMENTS_PER_ID);
}

/** Timeline and number of a segment's file; null for other names. */
export function parseSegmentName(name: string): { timeline: number; segment: bigint } | null {
  if (!/^[0-9A-F]{24}$/.test(name)) return null;
  const part = (index: number): number => Number.parseInt(name.slice(index, index + 8), 16);
  return { timeline: part(0), segment: BigInt(part(8)) * SEGMENTS_PER_ID + BigInt(part(16)) };
}

/** One ancestor of a timeline: it ended, and the next began, at a place. */
export interface TimelineStep {
  readonly timeline: number;
  readonly endsAt: bigint;
}

/** Reads a history file (`00000002.history`): ancestors, oldest first. */
export function parseHistory(text: string): TimelineStep[] {
  return text
    .split('\n')
    .map((line) => /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line))
    .filter((match) => match !== null)
    .map((match) => ({ timeline: Number(match[1]), endsAt: parsePosition(match[2] as string) }));
}

/** Name of a timeline's history file. */
export function historyName(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}
