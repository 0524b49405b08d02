/** The riders' cards, as a terminal of the tests reads them. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createCardBox } from '../../../simulators/city/card-box.ts';
import { makeRiders, type Rider } from '../../../simulators/city/riders.ts';
import { masterKeys } from '../cards/desfire/sample-desfire.ts';
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
const newBox = () =>
  createCardBox({
    issuer,
    cardKeys: masterKeys(1),
    tokenKey: randomBytes(32),
    beginMs: tuesday('07:00'),
    validFromMs: tuesday('07:00') - 180 * 86_400_000,
  });
const box = newBox();
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

describe('DESFire cards of riders', () => {
  const box = newBox();
  const riders = makeRiders({
    seed: 3,
    count: 200,
    shares: { ...shares, cards: { plainShare: 0.2, ev3Share: 0.5, randomUidShare: 0.5 } },
    timetable,
    paths,
  });
  const say = async (rider: Rider, apdu: string): Promise<string> =>
    Buffer.from(await box.cardOf(rider).card.transmit(Buffer.from(apdu, 'hex'))).toString('hex');
  const chips = riders.flatMap(({ chip }) => (chip.layout === 'desfire' ? [chip] : []));

  test('are drawn beside the rider: nobody lives elsewhere because of them', () => {
    const plain = makeRiders({
      seed: 3,
      count: 200,
      shares: { ...shares, cards: { plainShare: 1, ev3Share: 0, randomUidShare: 0 } },
      timetable,
      paths,
    });
    expect(plain.map((rider) => rider.chip)).toEqual(riders.map(() => ({ layout: 'plain' })));
    expect(plain.map(({ chip: _, ...rider }) => rider)).toEqual(riders.map(({ chip: _, ...rider }) => rider));
    expect(new Set(chips.map(({ uidHex }) => uidHex)).size).toBe(chips.length);
    expect(chips.length).toBeGreaterThan(120);
    expect(chips.length).toBeLessThan(195);
  });

  test('are found by their layout, and by the other layout not', async () => {
    for (const rider of riders.filter(({ mediumKind }) => mediumKind !== 'bank').slice(0, 30)) {
      const desfire = rider.chip.layout === 'desfire';
      expect(await say(rider, '00a4040008f04b5659544f4b0200')).toBe(desfire ? '9000' : '6a82');
      expect(await say(rider, '00a4040008f04b5659544f4b0100')).toMatch(desfire ? /^6a82$/ : /9000$/);
    }
  });

  test('lose what was begun when they leave the field', async () => {
    const rider = riders.find(({ chip }) => chip.layout === 'desfire' && !chip.randomUid) as Rider;
    const torn = box.tornCardOf(rider);
    const version = Buffer.from('9060000000', 'hex');
    expect((await torn.transmit(version)).length).toBe(9);
    expect(await torn.transmit(version)).toHaveLength(0);
    torn.reset();
    expect((await torn.transmit(version)).length).toBe(9);
  });
});
