/**
 * Which kinds of card a city's validators take, in the order in which they are tried: data of the city, delivered to a
 * device at enrolment as `card-media.json`. What is not listed is not taken.
 */
import { type Static, Type } from 'typebox';
import { type Parsed, parserOf } from './parse.ts';
import { LANGUAGES } from './reason-codes.ts';
import { MediumKind } from './record.ts';

const Language = Type.Union(LANGUAGES.map((language) => Type.Literal(language))) as unknown as ReturnType<
  typeof Type.Unsafe<(typeof LANGUAGES)[number]>
>;
const Name = Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$' });
const KeyNo = Type.Integer({ minimum: 0, maximum: 13 });
const Offset = Type.Integer({ minimum: 0, maximum: 8191 });
const hex = (bytesMin: number, bytesMax: number) =>
  Type.String({ pattern: `^([0-9a-f]{2}){${bytesMin},${bytesMax}}$` });

/** Kvytok cards of layout 2 (docs/CARD-LAYOUT.md). */
const KvytokDesfire = Type.Object({
  kind: Type.Literal('kvytok-desfire'),
  /** Whether DESFire EV1 is taken: older secure messaging, checksums where later chips have MACs. No, if not said. */
  ev1: Type.Optional(Type.Boolean()),
});

/** Kvytok cards of layout 1, which can be copied. */
const KvytokPlain = Type.Object({ kind: Type.Literal('kvytok-plain') });

/** Bank cards and phones; whether and with whom is said by `bank-card.json` and the kinds of media of the policy. */
const BankCard = Type.Object({ kind: Type.Literal('bank-card') });

/** How a stranger's card proves itself. */
const Proof = Type.Union([
  Type.Object({
    keyNo: KeyNo,
    /** Name in the key provider; the version byte on the card says which version. */
    key: Name,
    /** What the key is diversified with (AN10922): nothing, or the UID with what is listed, in this order. */
    diversifiedWith: Type.Optional(
      Type.Object({ aid: Type.Optional(hex(3, 3)), system: Type.Optional(hex(1, 21)) }),
    ),
    /** Key for the UID of cards that hide it, the same on all cards. */
    hiddenUid: Type.Optional(Type.Object({ keyNo: KeyNo, key: Name })),
  }),
  /** Nothing: whoever read such a card once can make another. */
  Type.Literal('identification-only'),
]);

/** Cards that passengers carry already, of another issuer on DESFire, known by a number in a file. */
export const StrangerDesfire = Type.Object({
  kind: Type.Literal('stranger-desfire'),
  /** Enters the token: numbers of two issuers never meet, nor those of an issuer and a chip's own. */
  name: Type.String({ pattern: '^(?!uid$)[a-z][a-z0-9-]{0,39}$' }),
  select: Type.Union([Type.Object({ aid: hex(3, 3) }), Type.Object({ dfName: hex(5, 16) })]),
  ev1: Type.Optional(Type.Boolean()),
  proof: Proof,
  file: Type.Object({
    no: Type.Integer({ minimum: 0, maximum: 31 }),
    mode: Type.Union([Type.Literal('plain'), Type.Literal('mac'), Type.Literal('full')]),
    offset: Offset,
    bytes: Type.Integer({ minimum: 1, maximum: 224 }),
  }),
  /** Where the number stands within the bytes read. */
  number: Type.Object({ offset: Offset, bytes: Type.Integer({ minimum: 4, maximum: 32 }) }),
  /** Where its end stands within the bytes read; without it, it has none that a reader could see. */
  validUntil: Type.Optional(
    Type.Object({
      offset: Offset,
      /** Seconds since 1970, or the last day as YYYYMMDD in BCD. */
      form: Type.Union([Type.Literal('unix-be'), Type.Literal('unix-le'), Type.Literal('bcd-yyyymmdd')]),
    }),
  ),
  /** `passenger`: taken as a medium. `foreign`: recognised, and refused as another network's card. */
  as: Type.Union([Type.Literal('passenger'), Type.Literal('foreign')]),
  mediumKind: MediumKind,
  language: Language,
});
export type StrangerDesfire = Static<typeof StrangerDesfire>;

/** Any chip by the number that it shows in the field: identification only. */
export const UidOnly = Type.Object({
  kind: Type.Literal('uid-only'),
  /** Said by the city, in so many words: such a number can be copied. */
  identificationOnly: Type.Literal(true),
  /** Lengths that are taken; numbers of 4 bytes repeat from chip to chip. */
  uidBytes: Type.Array(Type.Union([Type.Literal(4), Type.Literal(7), Type.Literal(10)]), {
    minItems: 1,
    maxItems: 3,
  }),
  mediumKind: MediumKind,
  language: Language,
});
export type UidOnly = Static<typeof UidOnly>;

export const CardMediaFile = Type.Object({
  v: Type.Literal(1),
  media: Type.Array(Type.Union([KvytokDesfire, KvytokPlain, StrangerDesfire, BankCard, UidOnly]), {
    minItems: 1,
    maxItems: 16,
  }),
});
export type CardMediaFile = Static<typeof CardMediaFile>;

const parseFile = parserOf(CardMediaFile);

/** Checks decoded JSON. Two strangers of one name would share their tokens: numbers of two issuers could meet. */
export function parseCardMedia(input: unknown): Parsed<CardMediaFile> {
  const parsed = parseFile(input);
  if (!parsed.ok) return parsed;
  const names = new Set<string>();
  const problems: { path: string; message: string }[] = [];
  for (const [at, entry] of parsed.value.media.entries()) {
    if (entry.kind !== 'stranger-desfire') continue;
    if (names.has(entry.name))
      problems.push({ path: `/media/${at}/name`, message: `${entry.name} is there twice` });
    names.add(entry.name);
  }
  return problems.length > 0 ? { ok: false, problems } : parsed;
}

/** Where a city says nothing: its own cards, those that cannot be copied first, then bank cards. */
export const DEFAULT_CARD_MEDIA: CardMediaFile = {
  v: 1,
  media: [{ kind: 'kvytok-desfire' }, { kind: 'kvytok-plain' }, { kind: 'bank-card' }],
};
