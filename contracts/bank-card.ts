/**
 * How a city's validators take bank cards: `bank-card.json` of a device folder, beside `ca-keys.json` with the schemes'
 * keys. A device without it takes none, and says so to whoever holds one to it.
 */
import { type Static, Type } from 'typebox';
import { AcquirerKeyId } from './ids.ts';
import { keyed } from './keyed.ts';
import { type Parsed, parserOf } from './parse.ts';

const hex = (bytesMin: number, bytesMax: number) =>
  Type.String({ pattern: `^([0-9a-f]{2}){${bytesMin},${bytesMax}}$` });
const Numeric = Type.Integer({ minimum: 1, maximum: 999 });

export const BankCardFile = Type.Object({
  v: Type.Literal(1),
  /** ISO 3166-1 numeric: 804 is Ukraine. */
  countryCode: Numeric,
  /** ISO 4217 numeric: 980 is the hryvnia. */
  currencyCode: Numeric,
  /** IANA name: cards are told the local date. */
  timeZone: Type.String({ pattern: '^[A-Za-z_]+(/[A-Za-z_+0-9-]+){0,2}$', maxLength: 64 }),
  /** Applications that are spoken with: AID or its beginning, and how their cards prove themselves. */
  applications: Type.Array(
    Type.Object({
      aid: hex(5, 16),
      scheme: Type.Union([Type.Literal('visa'), Type.Literal('mastercard'), Type.Literal('amex')]),
    }),
    { minItems: 1, maxItems: 16 },
  ),
  /** What cards are asked for: an online cryptogram for the later authorisation (if not said), or an offline approval. */
  ask: Type.Optional(Type.Union([Type.Literal('arqc'), Type.Literal('tc')])),
  /** Terminal data by tag where the acquirer wants other than the usual for transit. */
  values: Type.Optional(keyed('^[0-9a-f]{2,6}$', hex(1, 64), { maxProperties: 32 })),
  acquirer: Type.Object({
    keyId: AcquirerKeyId,
    /** X25519, or RSA of 2048 to 4096 bits; PEM. */
    publicKey: Type.String({ maxLength: 1024 }),
  }),
  /** Takes keys of live networks: for a pilot that the acquirer has agreed to, never by accident. */
  allowLiveKeys: Type.Optional(Type.Boolean()),
});
export type BankCardFile = Static<typeof BankCardFile>;

/** Checks decoded JSON. */
export const parseBankCardFile: (input: unknown) => Parsed<BankCardFile> = parserOf(BankCardFile);
