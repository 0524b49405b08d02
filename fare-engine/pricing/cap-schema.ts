/** `caps.yaml`: how much a rider pays at most within a window of time. Described in `fare-engine/tariffs/README.md`. */
import { type Static, Type } from 'typebox';
import { Id, Names, oneOf, strict, Text } from './tariff-schema.ts';

/** A ride that leaves a cap's area: with the cap taken as a whole only this product is owed for it beside the cap. */
const Extension = strict({ fare_product_id: Id, extension_product_id: Id });

const Ids = Type.Array(Id, { minItems: 1, maxItems: 200 });

export const Cap = strict({
  cap_id: Id,
  names: Names,
  act: Id,
  article: Text,
  /** `days`: `window_days` in a row, which begin by `anchor`. */
  window: oneOf('day', 'week', 'month', 'days'),
  window_days: Type.Optional(Type.Integer({ minimum: 2, maximum: 31 })),
  /** `first_tap`: with the first paid ride after the window before; `sliding`: the last days up to the ride's. */
  anchor: Type.Optional(oneOf('first_tap', 'sliding')),
  /** Wall time at which a day begins. */
  day_start: Type.String({ pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$' }),
  week_start: Type.Optional(
    oneOf('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'),
  ),
  basis: oneOf('amount', 'rides'),
  cap_minor: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
  cap_rides: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  fare_media_ids: Type.Optional(Ids),
  rider_category_ids: Type.Optional(Ids),
  network_ids: Type.Optional(Ids),
  area_ids: Type.Optional(Ids),
  timeframe_group_id: Type.Optional(Id),
  parent_cap_id: Type.Optional(Id),
  includes_companions: Type.Optional(Type.Boolean()),
  /** Whether what is asked for a missing tap counts, and becomes cheaper. */
  includes_penalties: Type.Optional(Type.Boolean()),
  strategy: Type.Optional(oneOf('sequential', 'optimal')),
  extensions: Type.Optional(Type.Array(Extension, { minItems: 1, maxItems: 200 })),
});
export type Cap = Static<typeof Cap>;

/** caps.yaml */
export const CapsFile = strict({ caps: Type.Array(Cap, { maxItems: 64 }) });
export type CapsFile = Static<typeof CapsFile>;

export const WEEKDAYS = [
  'monday',
  'tuesday',
  'wednesday',
  'thursday',
  'friday',
  'saturday',
  'sunday',
] as const;
