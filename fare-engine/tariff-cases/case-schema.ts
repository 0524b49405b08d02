/** What a file of cases says, as README.md describes it for fare officers. Every value is read as text: 0.00 and "no" stay as they are written. */
import { type Static, Type } from 'typebox';
import type { MediumKind } from '#contracts/record.ts';
import { oneOf, strict } from '#pricing/tariff-schema.ts';

/** Most rights, passes or breakdowns of one rider. */
const LIST = { maxItems: 500 };
const text = Type.String({ minLength: 1 });
const maybe = Type.Optional(text);

/** The kinds of medium that a validator can tell; the table has no other keys, and lacks none. */
const MEDIA = { social: 0, wallet: 0, bank: 0 } as const satisfies Record<MediumKind, 0>;

const Entitlement = strict({ concession: text, from: text, until: maybe });

/** What drivers declare; a vehicle's breakdown is that of its rides before. */
const Breakdown = strict({ at: text, vehicle: text, unsure_s: maybe });

/** `from` is the time of the sale, or the chosen date; `paid` what it cost, where it is given back. */
const Pass = strict({
  product: text,
  from: text,
  paid: maybe,
  returned: Type.Optional(strict({ at: text, back: maybe, refused: maybe })),
});

const Ride = strict({
  at: text,
  /** The same ride again: so many times in all, so many minutes apart. */
  times: maybe,
  every_min: maybe,
  medium: oneOf(...(Object.keys(MEDIA) as MediumKind[])),
  route: text,
  vehicle: maybe,
  /** Where leaving is tapped: at which stop, which way (`any` = the validator cannot know), at a gate of its own. */
  stop: maybe,
  way: Type.Optional(oneOf('in', 'out', 'any')),
  unsure_s: maybe,
  /** What the passenger told of its end. */
  repaired: Type.Optional(strict({ at: text, stop: text })),
  companions: maybe,
  bags: maybe,
  pays: text,
  claim: Type.Optional(oneOf('yes', 'no')),
  because: maybe,
});
export type CaseRide = Static<typeof Ride>;

const WrittenCase = strict({
  name: text,
  /** The same rides for each of these rights, held at all times. */
  each: Type.Optional(Type.Array(text, { ...LIST, minItems: 1 })),
  entitlements: Type.Optional(Type.Array(Entitlement, LIST)),
  breakdowns: Type.Optional(Type.Array(Breakdown, LIST)),
  /** Instead of the packages' own, in all of them. */
  companion_max: maybe,
  passes: Type.Optional(Type.Array(Pass, LIST)),
  rides: Type.Array(Ride, { minItems: 1 }),
});
export type WrittenCase = Static<typeof WrittenCase>;

/** A case of one rider: `each` stands for as many of them. */
export type FareCase = Omit<WrittenCase, 'each'>;

export const CasesFile = Type.Array(WrittenCase, { minItems: 1 });
