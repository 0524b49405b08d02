/**
 * Makes a decoded report storable: PostgreSQL's text and jsonb take neither NUL nor half a surrogate pair, though JSON
 * can spell both. They are taken out of every string and key; the rest stays as the device said it. Nesting is bounded
 * where it was decoded.
 */
export function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return wellFormedText(value);
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [wellFormedText(key), wellFormed(part)]),
  );
}

/** The text without NUL, and with U+FFFD for each half of a surrogate pair. */
export function wellFormedText(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}
