/** Instants as people write them in options. */
import { getZone } from '#pricing/local-time.ts';
import { UsageError } from './command.ts';

const LOCAL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/;
const ZONED = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

/** Local time of a zone, 2025-10-14T07:30, or with a zone of its own: 2025-10-14T04:30Z. @throws UsageError */
export function instantOf(text: string, option: string, zone: string): number {
  const ms = LOCAL.test(text)
    ? getZone(zone).instantMs(Date.parse(`${text}Z`))
    : ZONED.test(text)
      ? Date.parse(text)
      : Number.NaN;
  if (Number.isNaN(ms))
    throw new UsageError(`${option} takes a local time like 2025-10-14T07:30, or one with a zone`);
  return ms;
}
