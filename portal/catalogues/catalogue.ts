import type { uk } from './uk.ts';

/** A catalogue has every key of the Ukrainian one: a missing text does not compile. */
export type Catalogue = Readonly<Record<keyof typeof uk, string>>;
/** Name of a text. */
export type TextKey = keyof Catalogue;
