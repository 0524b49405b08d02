/**
 * Where the card keys of one device are: `key-store.json` of a device folder. Without the file they are in software
 * (`card-keys.json`). Which SAM is in which slot is known to whoever fits it into the validator, not to the city.
 */
import { type Static, Type } from 'typebox';
import { keyed } from './keyed.ts';
import { type Parsed, parserOf } from './parse.ts';

const KEY_NAME = '^[a-z][a-z0-9-]{0,39}$';

/** A key entry of a SAM, and the versions of it that live, newest first or not. */
const SamEntry = Type.Object({
  entry: Type.Integer({ minimum: 0, maximum: 127 }),
  versions: Type.Array(Type.Integer({ minimum: 1, maximum: 255 }), {
    minItems: 1,
    maxItems: 2,
    uniqueItems: true,
  }),
});

export const KeyStoreFile = Type.Union([
  Type.Object({ v: Type.Literal(1), kind: Type.Literal('software') }),
  Type.Object({
    v: Type.Literal(1),
    kind: Type.Literal('sam'),
    /** A part of the PC/SC name of its slot that no passengers' reader has in its name. */
    slot: Type.String({ minLength: 1, maxLength: 127 }),
    /** Its answer to reset, hex, where no other SAM may be taken. */
    atr: Type.Optional(Type.String({ pattern: '^([0-9a-f]{2}){2,33}$' })),
    /** By the keys' names. */
    entries: keyed(KEY_NAME, SamEntry, { minProperties: 1, maxProperties: 64 }),
  }),
]);
export type KeyStoreFile = Static<typeof KeyStoreFile>;

/** Checks decoded JSON. */
export const parseKeyStore: (input: unknown) => Parsed<KeyStoreFile> = parserOf(KeyStoreFile);
