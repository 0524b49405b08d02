/**
 * The schemes' certification authority keys: `ca-keys.json` of a device folder that takes bank cards. The form alone; what is
 * believed of it is the reader's affair.
 */
import { type Static, Type } from 'typebox';
import { type Parsed, parserOf } from './parse.ts';

const Hex = (bytesMin: number, bytesMax: number) =>
  Type.String({ pattern: `^([0-9A-Fa-f]{2}){${bytesMin},${bytesMax}}$` });

/** 248 bytes is the longest modulus that EMV knows (Book 2, 7.1); 64 the shortest that OpenSSL computes with. */
const MODULUS_BYTES = { min: 64, max: 248 } as const;

export const CaKeyEntry = Type.Object({
  /** Registered application provider: the first five bytes of the application's name. */
  rid: Hex(5, 5),
  /** Tag 8F. */
  index: Hex(1, 1),
  modulus: Hex(MODULUS_BYTES.min, MODULUS_BYTES.max),
  exponent: Type.Union([Type.Literal('03'), Type.Literal('010001')]),
  /** SHA-1 over RID, index, modulus and exponent (EMV Book 2, 11.2.2). */
  checksum: Hex(20, 20),
  /** First day, and the first day no longer, `YYYY-MM-DD`, UTC. */
  validFrom: Type.Optional(Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' })),
  validUntil: Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' }),
  /** Not of a scheme's live network. */
  test: Type.Boolean(),
});

export type CaKeyEntry = Static<typeof CaKeyEntry>;

/** The file. */
export const CaKeyFile = Type.Object({
  v: Type.Literal(1),
  keys: Type.Array(CaKeyEntry, { minItems: 1, maxItems: 512 }),
});
export type CaKeyFile = Static<typeof CaKeyFile>;

/** Checks decoded JSON. */
export const parseCaKeyFile: (input: unknown) => Parsed<CaKeyFile> = parserOf(CaKeyFile);
