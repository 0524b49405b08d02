/** Where a file stops being UTF-8. */

/** What to do about a file in another code. */
export const SAVE_AS_UTF8 = 'Save it as UTF-8: it may be in Windows-1251, UTF-16 or another code.';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Whether all bytes are UTF-8. */
export function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Where the first bytes stand that are no UTF-8; both from 1. At the beginning where all are. */
export function firstOutsideUtf8(bytes: Uint8Array): { line: number; column: number } {
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    const part = bytes.subarray(start, end < 0 ? bytes.length : end);
    try {
      utf8.decode(part);
    } catch {
      return { line, column: Math.max(0, Buffer.from(part).toString('utf8').indexOf('\ufffd')) + 1 };
    }
    if (end < 0) return { line: 1, column: 1 };
    start = end + 1;
  }
}
