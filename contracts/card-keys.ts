/**
 * Keys of a reader in software: `card-keys.json` of a device folder (0600), and what a city keeps of them. Where a SAM holds
 * the card keys, `cards` is left out.
 */
import { type Static, Type } from 'typebox';
import { keyed } from './keyed.ts';
import { type Parsed, parserOf } from './parse.ts';

const KEYS_MAX = 64;

/** Versions of one key by number; two may live at a time. */
const versionsOf = (bytes: string, versions: string) =>
  keyed(versions, Type.String({ pattern: `^([0-9a-f]{2}){${bytes}}$` }), {
    minProperties: 1,
    maxProperties: 2,
  });

const named = <T extends ReturnType<typeof versionsOf>>(versions: T) =>
  keyed('^[a-z][a-z0-9-]{0,39}$', versions, { maxProperties: KEYS_MAX });

/** A version of a token is a part of the token; up to four digits. */
const TOKEN_VERSION = '^[1-9][0-9]{0,3}$';
/** The key version byte of a card. Strangers may never have set theirs. */
const CARD_VERSION = '^([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])$';

export const CardKeysFile = Type.Object({
  v: Type.Literal(1),
  /** AES-128, hex, by name and version. */
  cards: Type.Optional(named(versionsOf('16', CARD_VERSION))),
  /** HMAC keys, hex, by name and version. `token` has version 1 in the file `token-key` until a version replaces it. */
  tokens: Type.Optional(named(versionsOf('16,64', TOKEN_VERSION))),
});
export type CardKeysFile = Static<typeof CardKeysFile>;

/** Checks decoded JSON. */
export const parseCardKeys: (input: unknown) => Parsed<CardKeysFile> = parserOf(CardKeysFile);
