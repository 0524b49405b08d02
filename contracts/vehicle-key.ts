/**
 * Keys by which the devices of one vehicle, and inspectors in it, talk to each other. The city has an inspection key; each
 * vehicle's key is made from it. Two versions live at a time: the old one is accepted until a date, so that devices can
 * follow one by one.
 */
import { createHmac } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { InstantMs } from './ids.ts';
import { decodeJson, type Parsed, parserOf } from './parse.ts';

/** One version of an inspection key or of a vehicle's key. */
export const NetworkKey = Type.Object({
  version: Type.Integer({ minimum: 1, maximum: 65_535 }),
  /** 32 bytes, hex. */
  key: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** From then on it is believed no more; absent = no end is known. */
  acceptedUntilMs: Type.Optional(InstantMs),
});
export type NetworkKey = Static<typeof NetworkKey>;

/** Live versions, newest first. */
export const NetworkKeys = Type.Array(NetworkKey, { minItems: 1, maxItems: 2 });
export type NetworkKeys = Static<typeof NetworkKeys>;

/** What `inspection-keys.json` and `vehicle-keys.json` hold. */
export const NetworkKeysFile = Type.Object({ v: Type.Literal(1), keys: NetworkKeys });
export type NetworkKeysFile = Static<typeof NetworkKeysFile>;

const BYTES_MAX = 4096;
const parseFile = parserOf(NetworkKeysFile);

/** Reads such a file. The problems of a parser of JSON quote what they could not read: they are not passed on. */
export function parseNetworkKeys(bytes: Uint8Array): Parsed<NetworkKeys> {
  const json = decodeJson(bytes, BYTES_MAX);
  if (!json.ok) return { ok: false, problems: [{ path: '', message: 'is not JSON within its bounds' }] };
  const file = parseFile(json.value);
  if (!file.ok)
    return {
      ok: false,
      problems: file.problems.map(({ path }) => ({ path, message: 'does not have its form' })),
    };
  const [newest, former] = file.value.keys;
  // The last one has no end: a city that let it run out would silence its vehicles.
  if (newest?.acceptedUntilMs !== undefined || (former && former.version >= (newest?.version ?? 0)))
    return {
      ok: false,
      problems: [{ path: '/keys', message: 'the newest version stands first and has no end' }],
    };
  return { ok: true, value: file.value.keys };
}

/** The text of such a file. */
export function networkKeysText(keys: NetworkKeys): string {
  return `${JSON.stringify({ v: 1, keys }, null, 2)}\n`;
}

/** From the city's inspection key: inspectors can talk to any vehicle, a vehicle only to itself. 32 bytes. */
export function vehicleKeyOf(inspectionKey: Uint8Array, vehicleId: string): Buffer {
  return createHmac('sha256', inspectionKey).update('kvytok vehicle v1\n').update(vehicleId, 'utf8').digest();
}

/** The same versions for one vehicle. */
export function vehicleKeysOf(inspectionKeys: NetworkKeys, vehicleId: string): NetworkKeys {
  return inspectionKeys.map(({ key, ...version }) => ({
    ...version,
    key: vehicleKeyOf(Buffer.from(key, 'hex'), vehicleId).toString('hex'),
  }));
}

/** A city's first inspection key. @param key 32 random bytes. */
export function firstInspectionKeys(key: Uint8Array): NetworkKeys {
  return [{ version: 1, key: Buffer.from(key).toString('hex') }];
}

/**
 * The city's next inspection key beside the present one, which is accepted until an instant.
 * @param key 32 random bytes.
 */
export function nextInspectionKeys(present: NetworkKeys, key: Uint8Array, oldUntilMs: number): NetworkKeys {
  const [newest] = present;
  if (!newest) throw new RangeError('there is no present key');
  const next = { version: newest.version + 1, key: Buffer.from(key).toString('hex') };
  return [next, { ...newest, acceptedUntilMs: oldUntilMs }];
}
