/** An inspector's device over its real parts: shifts, rotation, and every doubt that keeps it from a protocol. */
import { describe, expect, it } from 'vitest';
import { tagOf } from '../../../edge-agent/card-log.ts';
import { card, logged, NOW_MS, type Says, STAFF, service, startRig, TOKEN, WELL } from './inspector-rig.ts';

describe('a shift', () => {
  it("is opened and closed by an inspector's card that is in time and not denied, and by no other", async () => {
    const rig = await startRig();
    expect(rig.inspector.view().sign).toBe('closed');
    await rig.touch(card());
    expect(rig.inspector.view().sign).toBe('closed');
    expect((await rig.touch(service('driver'))).sign).toBe('refused');
    expect((await rig.touch(service('inspector', { validUntilMs: NOW_MS }))).sign).toBe('refused');
    expect(await rig.touch(service('inspector'))).toMatchObject({ sign: 'choose-vehicle', staffId: STAFF });
    rig.inspector.chooseVehicle('101');
    expect(rig.inspector.view()).toMatchObject({ sign: 'ready', vehicleId: '101' });
    await rig.touch(card({ log: [logged('101', 60_000)] }));
    expect(rig.checks()).toMatchObject([{ staffId: STAFF }]);
    expect((await rig.touch(service('inspector'))).sign).toBe('closed');
    expect(rig.checks()).toHaveLength(1);
  });
});

describe('while the token key rotates', () => {
  const FORMER = `k0.${'cd'.repeat(16)}`;
  const former = { formerStaffTokenId: FORMER };
  const lost = { reason: 'lost', scope: 'all', validFromMs: 0, validUntilMs: null } as const;

  it('a card of staff that was taken back under its former token opens nothing', async () => {
    const rig = await startRig({ denials: [{ tokenId: FORMER, ...lost }] });
    expect((await rig.touch(service('inspector', former))).sign).toBe('refused');
  });

  it('a shift that was opened under the former token is closed by its own card', async () => {
    const rig = await startRig();
    await rig.touch(service('inspector', { staffTokenId: FORMER }));
    expect((await rig.touch(service('inspector', former))).sign).toBe('closed');
  });

  it('a passenger stands denied under either token, whatever is over or weaker under the other', async () => {
    const formerTokenId = `k0.${'ab'.repeat(16)}`;
    const over = { ...lost, reason: 'replaced', validUntilMs: NOW_MS } as const;
    const debt = { ...lost, reason: 'debt', scope: 'paid' } as const;
    for (const own of [over, debt]) {
      const denials = [
        { tokenId: TOKEN, ...own },
        { tokenId: formerTokenId, ...lost },
      ];
      const rig = await startRig({ staffId: '4711', denials });
      rig.inspector.chooseVehicle('101');
      expect((await rig.touch(card({ formerTokenId }))).sign).toBe('refused');
      expect(rig.checks()).toMatchObject([{ result: 'refused', reason: 'CARD_BLOCKED' }]);
    }
  });
});

describe('a check', () => {
  it("that the card's own log answers asks nobody", async () => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101', 'T2');
    const view = await rig.touch(card({ log: [logged('102', 1000), logged('101', 60_000)] }));
    expect(view).toMatchObject({ sign: 'ride-stands', evidence: 'card-log', ride: { companions: 1 } });
    expect(rig.asked).toEqual([]);
    expect(rig.checks()).toEqual([
      {
        result: 'ride-stands',
        evidence: 'card-log',
        tokenId: TOKEN,
        mediumKind: 'social',
        where: { vehicleId: '101', routeId: 'T2' },
        staffId: '4711',
        ride: { atMs: NOW_MS - 60_000, deviceTag: tagOf('val-101'), seq: 4 },
      },
    ]);
  });

  it('is of the vehicle and the shift in which it began, whatever is pressed while the vehicle is asked', async () => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101', 'T2');
    const checking = rig.touch(card());
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    rig.inspector.chooseVehicle('102', 'T5');
    rig.inspector.closeShift();
    expect((await checking).sign).toBe('no-ride');
    expect(rig.checks()).toMatchObject([{ where: { vehicleId: '101', routeId: 'T2' }, staffId: '4711' }]);
  });

  it("without a log is answered by the vehicle's validators, also under the former token", async () => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101');
    const ride = { epoch: 'e'.repeat(32), seq: 9, ageMs: 60_000, companions: 0 };
    rig.validators.set('val-101', { ...WELL, rides: [ride] });
    const former = `k1.${'ef'.repeat(16)}`;
    const view = await rig.touch(card({ formerTokenId: former }));
    expect(view).toMatchObject({ sign: 'ride-stands', evidence: 'vehicle' });
    expect(rig.asked[0]).toEqual([TOKEN, former]);
    expect(rig.checks()[0]?.ride).toEqual({ atMs: NOW_MS - 60_000, deviceId: 'val-101', seq: 9 });
  });

  it('that finds no ride prepares a protocol with what the tariff says, and names who was in order', async () => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101');
    const view = await rig.touch(card({ log: [logged('102', 1000)] }));
    expect(view).toMatchObject({
      sign: 'no-ride',
      protocol: { penaltyMinor: '24000', actNames: { uk: 'КУпАП' } },
    });
    const [check] = rig.checks();
    expect(check).toMatchObject({
      result: 'no-ride',
      validators: [{ deviceId: 'val-101', state: 'in-order' }],
      protocol: { fareMinor: '1200', factor: 20, penaltyMinor: '24000', act: 'kupap' },
    });
    expect(check?.protocol).not.toHaveProperty('actNames');
    expect(await rig.noCard()).toMatchObject({ sign: 'no-ride', protocol: { factor: 20 } });
    expect(rig.checks()[1]).not.toHaveProperty('tokenId');
  });

  it('fines nobody while a validator of which another one knows says nothing, also one that never answered', async () => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101');
    rig.validators.set('val-101', { ...WELL, peers: ['val-102', 'insp-1'] });
    const view = await rig.touch(card());
    expect(view).toMatchObject({ sign: 'validator-out-of-order', outOfOrder: ['val-102'] });
    expect(view.protocol).toBeUndefined();
    rig.validators.set('val-102', WELL);
    expect((await rig.touch(card())).sign).toBe('no-ride');
  });

  it('takes the answers of all doors of a long vehicle: none that answered is taken for silent', async () => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101');
    const doors = Array.from({ length: 10 }, (_, at) => `val-${101 + at}`);
    for (const id of doors)
      rig.validators.set(id, { ...WELL, peers: doors.filter((other) => other !== id).slice(-8) });
    expect((await rig.touch(card())).sign).toBe('no-ride');
    rig.validators.delete('val-110');
    expect(await rig.touch(card())).toMatchObject({
      sign: 'validator-out-of-order',
      outOfOrder: ['val-110'],
    });
  });

  it('names the door at which a ride was, where another validator tells of it', async () => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101');
    const ride = { deviceId: 'val-102', epoch: 'e'.repeat(32), seq: 9, ageMs: 60_000, companions: 0 };
    rig.validators.set('val-101', { ...WELL, rides: [ride] });
    expect((await rig.touch(card())).sign).toBe('ride-stands');
    expect(rig.checks()[0]?.ride).toEqual({ atMs: NOW_MS - 60_000, deviceId: 'val-102', seq: 9 });
  });

  it.each<[string, Says | undefined]>([
    ['out of order now', { ...WELL, outOfOrder: [{ fromAgeMs: 1000, untilAgeMs: null }] }],
    [
      'out of order within the window',
      { ...WELL, outOfOrder: [{ fromAgeMs: 9_000_000, untilAgeMs: 5_300_000 }] },
    ],
    ['switched on within the window', { ...WELL, knowsSinceAgeMs: 5_000_000 }],
    ['silent', undefined],
  ])('fines nobody while a validator of the vehicle is %s', async (_what, says) => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101');
    rig.validators.set('val-102', WELL);
    expect((await rig.touch(card())).sign).toBe('no-ride');
    if (says) rig.validators.set('val-102', says);
    else rig.validators.delete('val-102');
    for (const view of [
      await rig.touch(card()),
      await rig.noCard(),
      await rig.touch({ ok: false, reason: 'CARD_UNKNOWN' }),
    ]) {
      expect(view).toMatchObject({ sign: 'validator-out-of-order', outOfOrder: ['val-102'] });
      expect(view.protocol).toBeUndefined();
    }
    expect(rig.checks().filter((check) => check.protocol)).toHaveLength(1);
  });

  it('fines nobody with no validator in reach, and somebody again when it was long ago', async () => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101');
    rig.validators.clear();
    expect((await rig.touch(card())).sign).toBe('unclear');
    rig.validators.set('val-101', { ...WELL, outOfOrder: [{ fromAgeMs: 9_000_000, untilAgeMs: 5_500_000 }] });
    expect((await rig.touch(card())).sign).toBe('no-ride');
  });

  it('of a card that no validator takes is refused with its reason', async () => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101');
    expect(await rig.touch(card({ validUntilMs: NOW_MS }))).toMatchObject({
      sign: 'refused',
      reason: 'CARD_EXPIRED',
    });
    expect(await rig.touch({ ok: false, reason: 'CARD_UNREADABLE' })).toMatchObject({ sign: 'not-readable' });
    expect(rig.checks().map(({ result, reason }) => [result, reason])).toEqual([
      ['refused', 'CARD_EXPIRED'],
      ['not-readable', 'CARD_UNREADABLE'],
    ]);
  });

  it('asks nothing of anybody where no tariff speaks', async () => {
    const rig = await startRig({ staffId: '4711', rules: [] });
    rig.inspector.chooseVehicle('101');
    expect(await rig.touch(card())).toMatchObject({ sign: 'unclear' });
  });

  it('that cannot be written down does not count', async () => {
    const rig = await startRig({ staffId: '4711' });
    rig.inspector.chooseVehicle('101');
    rig.fails = true;
    expect(await rig.touch(card())).toMatchObject({ sign: 'not-written' });
    rig.fails = false;
    expect(await rig.touch(card())).toMatchObject({ sign: 'no-ride' });
    expect(rig.checks()).toHaveLength(1);
  });
});
