/** Objects whose keys are data: names of keys, files, stops. */
import { type TSchema, Type } from 'typebox';

/**
 * An object with a value for each key of one form. A key of another form is refused: in a plain `Type.Record` with a pattern
 * it would be let through with whatever stands behind it, unlooked at.
 * @param key Pattern of all keys, anchored; it also bounds their length, which a schema of a record's key does not.
 */
export function keyed<V extends TSchema>(
  key: string,
  value: V,
  bounds: { readonly minProperties?: number; readonly maxProperties?: number } = {},
) {
  return Type.Record(Type.String({ pattern: key }), value, { ...bounds, additionalProperties: false });
}

/** Names of keys that a city pins. */
export const KEY_NAME = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$';
/** Ids of a feed, as {@link FeedId}, and names of files. */
export const PRINTABLE_NAME = '^[^\\u0000-\\u001f\\u007f]{1,128}$';
