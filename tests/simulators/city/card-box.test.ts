/** The riders' cards, as a terminal of the tests reads them. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createCardBox } from '../../../simulators/city/card-box.ts';
import { makeRiders, type Rider } from '../../../simulators/city/riders.ts';
import { transact } from '../cards/emv/terminal.ts';
import { issuer } from '../cards/sample-card.ts';
import { paths, shares, timetable, tuesday } from './support.ts';

const riders = makeRiders({
  seed: 3,
  count: 60,
  shares: { ...shares, fullFareBankShare: 1, faults: { ...shares.faults, expiredShare: 0 } },
  timetable,
  paths,
});
const box = createCardBox({
  issuer,
  tokenKey: randomBytes(32),
  beginMs: tuesday('07:00'),
  validFromMs: tuesday('07:00') - 180 * 86_400_000,
});
const bankRiders = riders.filter((rider) => rider.mediumKind === 'bank');
const read = (rider: Rider) => transact({ ...box.cardOf(rider).card, reset: () => {} });
const pan = async (rider: Rider): Promise<string> =>
  (await read(rider)).tags.get('5A')?.toString('hex') ?? '';

describe('bank cards of riders', () => {
  test('are read to the end, have a number each, and are known to nobody beforehand', async () => {
    const numbers = await Promise.all(bankRiders.map(pan));
    expect(bankRiders.length).toBeGreaterThan(20);
    expect(new Set(numbers).size).toBe(bankRiders.length);
    expect(numbers.every((number) => /^[3456][0-9]{14,18}f?$/.test(number))).toBe(true);
    expect(bankRiders.every((rider) => box.cardOf(rider).tokenId === null)).toBe(true);
    expect(riders.filter((r) => r.mediumKind === 'social').every((r) => box.cardOf(r).tokenId)).toBe(true);
  });

  test('stay the same card, which counts its rides', async () => {
    const [rider] = bankRiders as [Rider];
    expect(box.cardOf(rider)).toBe(box.cardOf(rider));
    const counter = async () => (await read(rider)).tags.get('9F36')?.readUInt16BE() ?? 0;
    const before = await counter();
    expect(await counter()).toBe(before + 1);
  });

  test('are valid for years, end a month before when they have expired, and are torn after one command', async () => {
    const [rider] = bankRiders as [Rider];
    expect((await read(rider)).tags.get('5F24')?.toString('hex')).toBe('300416');
    const expired = await read({ ...rider, riderId: 'r99999', fault: 'expired' });
    expect(expired.tags.get('5F24')?.toString('hex')).toBe('250914');
    const torn = box.tornCardOf(rider);
    const select = Buffer.from('00a404000e325041592e5359532e444446303100', 'hex');
    expect((await torn.transmit(select)).length).toBeGreaterThan(2);
    expect(await torn.transmit(select)).toHaveLength(0);
  });
});
