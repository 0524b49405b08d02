/**
 * The riders of the simulated city: who they are, which card they carry, where they live and work. Pure: the same seed
 * makes the same people.
 */
import { type Static, Type } from 'typebox';
import type { BankCardKind } from '../cards/emv/profiles.ts';
import type { CardKind, CardLanguage } from '../cards/issue-card.ts';
import type { PathFinder } from './find-path.ts';
import { type Random, randomOf } from './random.ts';
import type { Timetable } from './timetable.ts';

const share = Type.Number({ minimum: 0, maximum: 1 });
const minorDigits = Type.String({ pattern: '^[1-9][0-9]{0,8}$' });

/** Shares and habits (`cities/<city>/riders.yaml`). */
export const RiderShares = Type.Object({
  concessions: Type.Array(
    Type.Object({
      concessionId: Type.String({ minLength: 1 }),
      share,
      /** Its holders pay on some vehicles and therefore keep money in the wallet. */
      pays: Type.Optional(Type.Boolean()),
      /** Its holders do not go to work or school. */
      retired: Type.Optional(Type.Boolean()),
    }),
    { maxItems: 200 },
  ),
  /** Of those who pay in full: how many carry the personal card. */
  fullFareSocialShare: share,
  /** Of those who pay in full: how many pay with a bank card or a phone, whatever else they could carry. */
  fullFareBankShare: share,
  /** Which of them have what; together one. */
  bankCards: Type.Object({ visa: share, mastercard: share, amex: share, maestro: share, phone: share }),
  languages: Type.Object({ en: share, pl: share, de: share }),
  /** What is in their pockets: DESFire cards but for a share of plain ones, while the city migrates. */
  cards: Type.Object({ plainShare: share, ev3Share: share, randomUidShare: share }),
  wallet: Type.Object({
    topUpMinor: minorDigits,
    /** A wallet below this is topped up before the next ride. */
    lowMinor: minorDigits,
    /** At most what a ride costs: the rider's own guess of the balance errs on the safe side. */
    rideMinorMax: minorDigits,
  }),
  faults: Type.Object({
    expiredShare: share,
    deniedShare: share,
    doubleTouchShare: share,
    unreadableShare: share,
  }),
});
export type RiderShares = Static<typeof RiderShares>;

/** The chip under a rider's card; a plain card has none of its own (docs/CARD-LAYOUT.md, layouts 1 and 2). */
export type RiderChip =
  | { readonly layout: 'plain' }
  | {
      readonly layout: 'desfire';
      readonly model: 'EV2' | 'EV3';
      readonly uidHex: string;
      readonly randomUid: boolean;
    };

export interface Rider {
  readonly riderId: string;
  readonly accountId: string;
  readonly mediumKind: CardKind | 'bank';
  /** Which bank card; null for riders with a card of the city. */
  readonly bankCard: BankCardKind | null;
  /** 16 bytes in hex: the number of a city's card, never sent anywhere but through the card. */
  readonly mediumIdHex: string;
  readonly chip: RiderChip;
  readonly language: CardLanguage;
  readonly homeStopId: string;
  readonly workStopId: string;
  /** Null for riders who pay in full. */
  readonly concessionId: string | null;
  /** Keeps money in the wallet. */
  readonly pays: boolean;
  /** Rides for errands, not to work. */
  readonly retired: boolean;
  /** What is wrong with the card itself. */
  readonly fault: 'none' | 'expired' | 'denied';
}

/** Tries to find a workplace that can be reached both ways, before any stop with a way is taken. */
const WORK_TRIES = 12;

/** Makes `count` riders. Throws when the network has no stop that can be reached and left again. */
export function makeRiders(options: {
  readonly seed: number;
  readonly count: number;
  readonly shares: RiderShares;
  readonly timetable: Timetable;
  readonly paths: PathFinder;
}): Rider[] {
  const stopIds = [...options.timetable.stops.keys()];
  // Places where many routes stop attract work, shops and schools.
  const busy = stopIds.flatMap((stopId) => {
    const routes = [...options.paths.patterns.values()].filter((p) => p.places.has(stopId)).length;
    return new Array<string>(routes).fill(stopId);
  });
  return Array.from({ length: options.count }, (_, i) => makeRider(i, options, stopIds, busy));
}

function makeRider(
  index: number,
  options: { seed: number; shares: RiderShares; paths: PathFinder },
  stopIds: readonly string[],
  busy: readonly string[],
): Rider {
  const riderId = `r${String(index + 1).padStart(5, '0')}`;
  const random = randomOf(options.seed, 'rider', riderId);
  const concession = drawConcession(random, options.shares);
  const concessionId = concession?.concessionId ?? null;
  // Concessions are given on the personal card only.
  const social = concessionId !== null || random.chance(options.shares.fullFareSocialShare);
  const rider: Rider = {
    riderId,
    accountId: `acc-${hex(random, 8)}`,
    mediumKind: social ? 'social' : 'wallet',
    bankCard: null,
    mediumIdHex: hex(random, 16),
    chip: drawChip(randomOf(options.seed, 'chip', riderId), options.shares),
    language: drawLanguage(random, options.shares),
    ...drawPlaces(random, options.paths, stopIds, busy),
    concessionId,
    pays: concession === null || concession.pays === true,
    retired: concession?.retired === true,
    fault: drawFault(random, options.shares),
  };
  return concession === null ? withBankCard(rider, options) : rider;
}

/** Some pay with a bank card instead: nobody registers it, the bank asks for its money later. */
function withBankCard(rider: Rider, { seed, shares }: { seed: number; shares: RiderShares }): Rider {
  // Chance of its own, so that the share changes nobody's home, work or luck.
  const random = randomOf(seed, 'bank-card', rider.riderId);
  if (!random.chance(shares.fullFareBankShare)) return rider;
  let left = random.next();
  let bankCard: BankCardKind = 'visa';
  for (const [kind, part] of Object.entries(shares.bankCards) as [keyof RiderShares['bankCards'], number][]) {
    bankCard = kind;
    if (left < part) break;
    left -= part;
  }
  const fault = rider.fault === 'denied' ? 'none' : rider.fault;
  return { ...rider, mediumKind: 'bank', bankCard, pays: false, fault };
}

function drawConcession(random: Random, shares: RiderShares): RiderShares['concessions'][number] | null {
  let left = random.next();
  for (const concession of shares.concessions) {
    if (left < concession.share) return concession;
    left -= concession.share;
  }
  return null;
}

function drawChip(random: Random, { cards }: RiderShares): RiderChip {
  if (random.chance(cards.plainShare)) return { layout: 'plain' };
  return {
    layout: 'desfire',
    model: random.chance(cards.ev3Share) ? 'EV3' : 'EV2',
    uidHex: `04${hex(random, 6)}`,
    randomUid: random.chance(cards.randomUidShare),
  };
}

function drawLanguage(random: Random, shares: RiderShares): CardLanguage {
  let left = random.next();
  for (const language of ['en', 'pl', 'de'] as const) {
    if (left < shares.languages[language]) return language;
    left -= shares.languages[language];
  }
  return 'uk';
}

function drawFault(random: Random, shares: RiderShares): Rider['fault'] {
  const number = random.next();
  if (number < shares.faults.expiredShare) return 'expired';
  return number < shares.faults.expiredShare + shares.faults.deniedShare ? 'denied' : 'none';
}

function drawPlaces(
  random: Random,
  paths: PathFinder,
  stopIds: readonly string[],
  busy: readonly string[],
): { homeStopId: string; workStopId: string } {
  const linked = (a: string, b: string) => paths.find(a, b).length > 0 && paths.find(b, a).length > 0;
  const homeStopId = random.pick(stopIds);
  for (let i = 0; i < WORK_TRIES; i++) {
    const workStopId = random.pick(busy);
    if (linked(homeStopId, workStopId)) return { homeStopId, workStopId };
  }
  const workStopId = stopIds.find((stopId) => linked(homeStopId, stopId));
  if (workStopId === undefined) throw new Error(`no way leads from stop ${homeStopId} and back`);
  return { homeStopId, workStopId };
}

function hex(random: Random, bytes: number): string {
  return Array.from({ length: bytes }, () => random.below(256).toString(16).padStart(2, '0')).join('');
}
