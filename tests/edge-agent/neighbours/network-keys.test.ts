/** Versions of the inspection key: who talks by which, and what a city may make of its file. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  firstInspectionKeys,
  networkKeysText,
  nextInspectionKeys,
  parseNetworkKeys,
  vehicleKeyOf,
  vehicleKeysOf,
} from '#contracts/vehicle-key.ts';
import { liveKeys } from '../../../edge-agent/neighbours/network-keys.ts';

const UNTIL_MS = Date.UTC(2026, 8, 1);
const first = firstInspectionKeys(randomBytes(32));
const both = nextInspectionKeys(first, randomBytes(32), UNTIL_MS);
const versions = (keys: typeof both, cityMs: number | null) => {
  const { accepted, sealing } = liveKeys(keys, cityMs);
  return { accepted: accepted.map(({ version }) => version), sealing: sealing.version };
};

describe('the key of a network', () => {
  it('is the old one, and both are accepted, until the last millisecond before the date', () => {
    expect(versions(first, UNTIL_MS)).toEqual({ accepted: [1], sealing: 1 });
    expect(versions(both, UNTIL_MS - 1)).toEqual({ accepted: [1, 2], sealing: 1 });
    expect(versions(both, UNTIL_MS)).toEqual({ accepted: [2], sealing: 2 });
  });

  it('is over for nobody who does not know the time', () => {
    expect(versions(both, null)).toEqual({ accepted: [1, 2], sealing: 1 });
  });

  it("is made for each vehicle from each version of the city's", () => {
    const [newest, old] = vehicleKeysOf(both, 'bus-12');
    expect(old).toEqual({
      version: 1,
      acceptedUntilMs: UNTIL_MS,
      key: vehicleKeyOf(Buffer.from(first[0]?.key as string, 'hex'), 'bus-12').toString('hex'),
    });
    expect(newest?.key).not.toBe(vehicleKeysOf(both, 'bus-13')[0]?.key);
  });

  it('drops what was before the last two', () => {
    const third = nextInspectionKeys(both, randomBytes(32), UNTIL_MS + 1);
    expect(third.map(({ version }) => version)).toEqual([3, 2]);
  });
});

describe('the file of keys', () => {
  const read = (value: unknown) => parseNetworkKeys(Buffer.from(JSON.stringify(value)));

  it('comes out as it went in', () => {
    expect(parseNetworkKeys(Buffer.from(networkKeysText(both)))).toEqual({ ok: true, value: both });
  });

  it('is refused where no key would be left, where the order is wrong, and never quotes a key', () => {
    const [newest, old] = both;
    const wrong: unknown[] = [
      { v: 1, keys: [] },
      { v: 2, keys: both },
      { v: 1, keys: [{ ...newest, acceptedUntilMs: 1 }] },
      { v: 1, keys: [old, newest] },
      { v: 1, keys: [newest, { ...newest, acceptedUntilMs: 1 }] },
      { v: 1, keys: [{ ...newest, version: 0 }] },
      { v: 1, keys: [{ ...newest, version: 65_536 }] },
      { v: 1, keys: [{ ...newest, key: `${newest?.key}00` }] },
      [newest, old, newest],
    ];
    for (const value of wrong) {
      const refused = read(value);
      expect(refused.ok).toBe(false);
      expect(JSON.stringify(refused)).not.toContain(newest?.key);
    }
    expect(
      JSON.stringify(parseNetworkKeys(Buffer.from(`{"v":1,"keys":[{"key":"${newest?.key}"`))),
    ).not.toContain(newest?.key);
  });
});
