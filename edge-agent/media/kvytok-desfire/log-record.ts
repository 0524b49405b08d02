/** Records of file 2 of layout 2: the card's own memory of its last rides. */
import type { CardLogEntry } from '../../ports.ts';
import { RECORD_BYTES } from './layout.ts';

const KIND = 0x01;
const CLOCK_UNSURE = 0x01;
const BYTE_MAX = 255;

/** An entry as it is written. @throws RangeError for an instant or number that a card cannot hold: a bug. */
export function encodeLogRecord(entry: CardLogEntry): Buffer {
  const record = Buffer.alloc(RECORD_BYTES);
  record[0] = KIND;
  record[1] = entry.clockUnsure ? CLOCK_UNSURE : 0;
  record.writeUInt32BE(Math.floor(entry.atMs / 1000), 2);
  const tags = [entry.vehicleTag, entry.routeTag, entry.deviceTag];
  for (const [index, tag] of tags.entries()) record.write(tag, 6 + 4 * index, 4, 'hex');
  record.writeUInt32BE(entry.seq, 18);
  record[22] = Math.min(entry.companions, BYTE_MAX);
  record[23] = Math.min(entry.bags ?? 0, BYTE_MAX);
  return record;
}

/** What a record says; `undefined` for an empty one and for one that we do not write. */
export function readLogRecord(record: Buffer): CardLogEntry | undefined {
  const flags = record.readUInt8(1);
  if (record.length !== RECORD_BYTES || record[0] !== KIND || (flags & ~CLOCK_UNSURE) !== 0) return undefined;
  if (record.subarray(24).some((byte) => byte !== 0)) return undefined;
  const [vehicleTag, routeTag, deviceTag] = [6, 10, 14].map((at) => record.toString('hex', at, at + 4)) as [
    string,
    string,
    string,
  ];
  const bags = record.readUInt8(23);
  return {
    atMs: record.readUInt32BE(2) * 1000,
    vehicleTag,
    routeTag,
    deviceTag,
    seq: record.readUInt32BE(18),
    companions: record.readUInt8(22),
    ...(bags > 0 && { bags }),
    clockUnsure: (flags & CLOCK_UNSURE) !== 0,
  };
}
