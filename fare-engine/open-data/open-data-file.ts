/** What a city says of its open data (`cities/<city>/open-data.yaml`): how it protects people, licence and source. */
import { type Static, Type } from 'typebox';

const Title = Type.String({ minLength: 1, maxLength: 200 });
const Link = Type.String({ pattern: '^https://', maxLength: 500 });

export const OpenDataFile = Type.Object(
  {
    /** Cells of fewer riders, or people, are not published. */
    cellMin: Type.Integer({ minimum: 2, maximum: 1000 }),
    /** A day is published once so many later days are closed: late taps have come by then. */
    settleDays: Type.Integer({ minimum: 0, maximum: 365 }),
    licence: Type.Object(
      { name: Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' }), title: Title, path: Link },
      { additionalProperties: false },
    ),
    source: Type.Object({ title: Title, path: Type.Optional(Link) }, { additionalProperties: false }),
  },
  { additionalProperties: false },
);
export type OpenDataFile = Static<typeof OpenDataFile>;
