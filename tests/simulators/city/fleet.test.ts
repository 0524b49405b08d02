/** The fleet's decisions, with vehicles that answer at once and a clock in the test's hand. */
import { describe, expect, test } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import type { ScreenView } from '../../../edge-agent/ports.ts';
import { parsePayload } from '../../../fare-engine/command-kinds.ts';
import type { VirtualCard } from '../../../simulators/cards/virtual-card.ts';
import { createAgenda } from '../../../simulators/city/agenda.ts';
import { createClerk } from '../../../simulators/city/clerk.ts';
import type { Boarding } from '../../../simulators/city/day-plan.ts';
import { createFleet } from '../../../simulators/city/fleet.ts';
import { createOfficeDesk, type OfficeCommand } from '../../../simulators/city/office.ts';
import type { Rider, RiderShares } from '../../../simulators/city/riders.ts';
import type { Vehicle } from '../../../simulators/city/vehicle.ts';
import { shares, timetable, tuesday } from './support.ts';

const START = tuesday('07:00');
const BLOCK = 'T2-1';
const noFaults = { expiredShare: 0, deniedShare: 0, doubleTouchShare: 0, unreadableShare: 0 };

function riderOf(number: number, more: Partial<Rider> = {}): Rider {
  return {
    riderId: `r${number}`,
    accountId: `acc-${number}`,
    mediumKind: 'wallet',
    bankCard: null,
    mediumIdHex: number.toString(16).padStart(32, '0'),
    chip: { layout: 'plain' },
    language: 'uk',
    homeStopId: 'a',
    workStopId: 'b',
    concessionId: null,
    pays: true,
    retired: false,
    fault: 'none',
    ...more,
  };
}

const noCard = (): VirtualCard => ({ transmit: async () => new Uint8Array(), reset: () => {} });

/** Everything a fleet needs, with a record of what it did. `boardings` are [rider number, seconds after the start]. */
function rig(
  options: {
    boardings?: [rider: number, afterS: number][];
    riders?: Rider[];
    tapsPerSecondMax?: number;
    faults?: Partial<RiderShares['faults']>;
    answer?: (card: VirtualCard) => ScreenView | null;
    office?: (command: OfficeCommand) => Promise<void>;
    outageChance?: number;
  } = {},
) {
  const boardings = options.boardings ?? [];
  const riders = options.riders ?? [...new Set(boardings.map(([n]) => n))].map((n) => riderOf(n));
  const cards = new Map(riders.map((r) => [r.riderId, noCard()]));
  const torn = noCard();
  const touched: string[] = [];
  const commands: OfficeCommand[] = [];
  const radio: [string, boolean][] = [];
  let parked = 0;
  const nameOf = (card: VirtualCard) =>
    card === torn ? 'torn' : ([...cards].find(([, c]) => c === card)?.[0] ?? '?');
  const answer =
    options.answer ??
    (() => ({ sign: 'accepted', language: 'uk', online: true, atMs: 0 }) satisfies ScreenView);
  const vehicle: Vehicle = {
    vehicleId: '101',
    blockId: BLOCK,
    drive: () => ({ kind: 'idle', nextStartMs: null }),
    touch: async (card) => {
      touched.push(nameOf(card));
      return answer(card);
    },
    park: () => {
      parked++;
    },
  };
  const plan: Boarding[] = boardings.map(([n, afterS]) => {
    const atMs = START + afterS * 1000;
    return { riderId: `r${n}`, blockId: BLOCK, tripId: 't', stopId: 's', atMs, untilMs: atMs + 60_000 };
  });
  const clerk = createClerk({
    office:
      options.office ??
      (async (command) => {
        commands.push(command);
      }),
    waitingMax: 100,
    onFailure: () => {},
  });
  const fleet = createFleet({
    seed: 1,
    riders: new Map(riders.map((r) => [r.riderId, r])),
    shares: { ...shares, faults: { ...noFaults, ...options.faults } },
    vehicles: new Map([[BLOCK, vehicle]]),
    agenda: createAgenda(timetable, () => plan, START),
    desk: createOfficeDesk({ seed: 1, currency: 'UAH', validFromMs: 0 }),
    clerk,
    cardOf: (r) => ({ card: cards.get(r.riderId) as VirtualCard, tokenId: `token ${r.riderId}` }),
    tornCardOf: () => torn,
    setOnline: (vehicleId, online) => radio.push([vehicleId, online]),
    outageChance: options.outageChance ?? 0,
    tapsPerSecondMax: options.tapsPerSecondMax ?? 1000,
    log: createLogger({ component: 'test', level: 'silent' }),
  });
  const at = (afterS: number, passedMs = 250) => fleet.tick(START + afterS * 1000, passedMs);
  return { fleet, at, touched, commands, radio, clerk, parked: () => parked };
}

const kinds = (commands: OfficeCommand[]) => commands.map((c) => c.kind);

describe('boarding', () => {
  test('happens at its instant and once', async () => {
    const { fleet, at, touched } = rig({ boardings: [[1, 10]] });
    at(9.999);
    expect(touched).toEqual([]);
    at(10);
    at(11);
    await fleet.quiet();
    expect(touched).toEqual(['r1']);
    expect(fleet.stats()).toMatchObject({ touches: 1, accepted: 1, leftBehind: 0 });
  });

  test('is spread over time when more riders come than the rate allows', async () => {
    const boardings = Array.from({ length: 8 }, (_, i) => [i + 1, 10] as [number, number]);
    const { fleet, at } = rig({ boardings, tapsPerSecondMax: 2 });
    at(10, 0); // two were saved up
    expect(fleet.queueing).toBe(6);
    at(11, 500);
    expect(fleet.queueing).toBe(5);
    at(12, 10_000); // never more than a second's worth at once
    expect(fleet.queueing).toBe(3);
    await fleet.quiet();
    expect(fleet.stats().touches).toBe(5);
  });

  test('is over when the vehicle has gone, at that very instant', () => {
    const early = rig({ boardings: [[1, 10]], tapsPerSecondMax: 1 });
    early.at(69.999);
    expect(early.fleet.stats()).toMatchObject({ touches: 1, leftBehind: 0 });
    const late = rig({ boardings: [[1, 10]], tapsPerSecondMax: 1 });
    late.at(70);
    expect(late.fleet.stats()).toMatchObject({ touches: 0, leftBehind: 1 });
  });

  test('with a card held twice touches twice, and a torn one is shown again', async () => {
    const twice = rig({ boardings: [[1, 1]], faults: { doubleTouchShare: 1 } });
    twice.at(1);
    await twice.fleet.quiet();
    expect(twice.touched).toEqual(['r1', 'r1']);
    const torn = rig({ boardings: [[1, 1]], faults: { unreadableShare: 1 } });
    torn.at(1);
    await torn.fleet.quiet();
    expect(torn.touched).toEqual(['torn', 'r1']);
  });

  test('that is refused is counted and not repeated', async () => {
    const { fleet, at, touched } = rig({
      boardings: [[1, 1]],
      faults: { doubleTouchShare: 1 },
      answer: () => ({ sign: 'refused', reason: 'CARD_EXPIRED', language: 'uk', online: true, atMs: 0 }),
    });
    at(1);
    await fleet.quiet();
    expect(touched).toEqual(['r1']);
    expect(fleet.stats()).toMatchObject({ accepted: 0, refused: 1 });
  });
});

describe('the office', () => {
  test('hears of a rider half an hour before the first ride, not before, and once', async () => {
    const { fleet, at, commands, clerk } = rig({
      boardings: [
        [1, 3600],
        [1, 7200],
      ],
    });
    at(1799.999);
    await clerk.work(10);
    expect(kinds(commands)).toEqual([]);
    at(1800);
    at(5400);
    await clerk.work(10);
    expect(kinds(commands).filter((kind) => kind === 'link-medium')).toHaveLength(1);
    await fleet.quiet();
  });

  test('learns card, right and loss in this order', async () => {
    const rider = riderOf(1, { concessionId: 'pensioner', pays: false, fault: 'denied' });
    const { at, commands, clerk, fleet } = rig({ boardings: [[1, 60]], riders: [rider] });
    at(0);
    await clerk.work(10);
    expect(kinds(commands)).toEqual(['link-medium', 'grant-entitlement', 'deny-medium']);
    expect(commands[1]?.payload).toMatchObject({ concessionId: 'pensioner', accountId: 'acc-1' });
    await fleet.quiet();
  });

  test('gets a top-up before the first ride and again when the guess runs low', async () => {
    // 200 UAH and at most 15 a ride: below 30 after twelve rides.
    const boardings = Array.from({ length: 13 }, (_, i) => [1, 10 + i * 100] as [number, number]);
    const { at, commands, clerk, fleet } = rig({ boardings });
    for (let i = 0; i < 12; i++) {
      at(10 + i * 100);
      await clerk.work(10);
    }
    const topUps = () => commands.filter((c) => c.kind === 'credit-wallet');
    expect(topUps()).toHaveLength(1);
    at(10 + 12 * 100);
    await clerk.work(10);
    expect(topUps()).toHaveLength(2);
    expect(new Set(topUps().map((c) => c.commandId)).size).toBe(2);
    expect(topUps()[0]?.payload).toMatchObject({ amountMinor: '20000', currency: 'UAH', accountId: 'acc-1' });
    await fleet.quiet();
  });

  test('is not asked for money by riders who never pay', async () => {
    const riders = [riderOf(1, { pays: false })];
    const { at, commands, clerk, fleet } = rig({ boardings: [[1, 10]], riders });
    at(10);
    await clerk.work(10);
    await fleet.quiet();
    expect(kinds(commands)).toEqual(['link-medium']);
  });

  test('gets the same commands with the same ids from the same seed, others from another', () => {
    const commandsOf = (seed: number) => {
      const desk = createOfficeDesk({ seed, currency: 'UAH', validFromMs: 5 });
      return [
        ...desk.registerRider(riderOf(1, { concessionId: 'x', fault: 'denied' }), 'k1.0'),
        desk.topUp(riderOf(1), '100', 'monday'),
        ...desk.assignDevice({
          deviceId: 'val-1',
          vehicleId: '1',
          carrierId: 'c',
          routeId: 'r',
          blockId: 'b',
        }),
      ];
    };
    expect(commandsOf(1)).toEqual(commandsOf(1));
    const ids = [...commandsOf(1), ...commandsOf(2)].map((c) => c.commandId);
    expect(new Set(ids).size).toBe(14);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('gets only commands that the fare engine understands', () => {
    const desk = createOfficeDesk({ seed: 1, currency: 'UAH', validFromMs: 5 });
    const token = `k1.${'0'.repeat(32)}`;
    const commands = [
      ...desk.registerRider(riderOf(1, { concessionId: 'x', fault: 'denied' }), token),
      desk.topUp(riderOf(1), '100', 'monday'),
      ...desk.assignDevice({ deviceId: 'val-1', carrierId: 'c', routeId: 'r' }),
    ];
    for (const { kind, payload } of commands)
      expect(parsePayload(kind, payload), kind).toMatchObject({ ok: true });
    expect(kinds(commands)).toHaveLength(7);
  });

  test('that is away gets its commands later, in order, none twice', async () => {
    let away = true;
    const got: string[] = [];
    const { at, clerk, fleet } = rig({
      boardings: [
        [1, 60],
        [2, 61],
      ],
      office: async (command) => {
        if (away) throw new Error('no database');
        got.push(command.kind);
      },
    });
    at(0);
    await clerk.work(10);
    expect(clerk.waiting).toBe(2);
    away = false;
    await clerk.work(10);
    expect(got).toEqual(['link-medium', 'link-medium']);
    expect(clerk.waiting).toBe(0);
    await fleet.quiet();
  });
});

describe('a clerk', () => {
  test('takes no more than fits and counts the rest', () => {
    const clerk = createClerk({ office: async () => {}, waitingMax: 1, onFailure: () => {} });
    const command = createOfficeDesk({ seed: 1, currency: 'UAH', validFromMs: 0 }).topUp(
      riderOf(1),
      '1',
      'x',
    );
    clerk.bring(command);
    clerk.bring(command);
    expect([clerk.waiting, clerk.dropped]).toEqual([1, 1]);
  });
});

test('a quiet fleet takes no riders, opens every radio and parks its vehicles', async () => {
  const { fleet, at, touched, radio, parked } = rig({ boardings: [[1, 5000]], outageChance: 1 });
  for (let s = 0; s < 1200 && radio.length === 0; s += 10) at(s);
  expect(radio).toEqual([['101', false]]);
  await fleet.quiet();
  expect(radio).toEqual([
    ['101', false],
    ['101', true],
  ]);
  expect(parked()).toBe(1);
  at(5000);
  expect(touched).toEqual([]);
});
