/** A small tariff package as the text of its files, the packages of Ternopil, and taps for tests. */
import { fileURLToPath } from 'node:url';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { formatFileProblem } from '#pricing/file-problem.ts';
import type { AccountDay, EntitlementFact, PricedDay, PricingState, TapFact } from '#pricing/model.ts';
import { INITIAL_STATE } from '#pricing/model.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import { readTariffPackage, type TariffPackage } from '#pricing/tariff-package.ts';
import { createTariffTimeline, type TariffTimeline } from '#pricing/tariff-timeline.ts';
import { loadTariffTimeline } from '../../fare-engine/tariffs/load-tariff.ts';
import { filesOf } from './fare-feed.ts';

const names = (text: string) => `{ uk: ${text} uk, en: ${text} en, de: ${text} de, pl: ${text} pl }`;

/** Two networks of one leg group, three media, four categories, free transfers for 30 minutes. */
export const PACKAGE: Readonly<Record<string, string>> = {
  'tariff.yaml': `
version_id: test-1
names: ${names('Test tariff')}
valid_from: 2026-01-01
valid_to: null
zone: Europe/Kyiv
currency: UAH
status: in-force
act: order-1
acts:
  - { act_id: order-1, names: ${names('Order 1')} }
  - { act_id: cmu-354, names: { uk: постанова КМУ 354, en: Cabinet resolution 354, de: Kabinettsbeschluss 354, pl: uchwała Rady Ministrów 354 } }
`,
  'concessions.yaml': `
concessions:
  - concession_id: pensioner
    rider_category_id: pensioner
    names: { uk: пенсіонер, en: pensioner, de: Rentner, pl: emeryt }
    act: cmu-354
    article: п. 1
    level: state
    valid_from: 2026-01-01
    valid_to: null
    discount_kind: free
    media_required: social_card
    funding_id: city-budget
  - concession_id: pupil-municipal
    rider_category_id: pupil
    names: { uk: учень, en: pupil, de: Schüler, pl: uczeń }
    act: order-1
    article: п. 2
    level: city
    valid_from: 2026-01-01
    valid_to: null
    discount_kind: free
    network_id: municipal
    media_required: social_card
    funding_id: city-budget
  - concession_id: pupil-private
    rider_category_id: pupil
    names: { uk: учень, en: pupil, de: Schüler, pl: uczeń }
    act: order-1
    article: п. 3
    level: city
    valid_from: 2026-01-01
    valid_to: null
    discount_kind: percent
    discount_bp: 5000
    round_minor: 100
    round_mode: half_up
    network_id: private
    funding_id: city-education
  - concession_id: donor
    rider_category_id: donor
    names: { uk: донор, en: donor, de: Spender, pl: dawca }
    act: order-1
    article: п. 4
    level: city
    valid_from: 2026-03-01
    valid_to: 2026-04-01
    discount_kind: fixed
    discount_minor: 300
    priority: 5
    funding_id: city-budget
`,
  'funding.yaml': `
funding:
  - { funding_id: city-budget, budget_level: city, names: ${names('city budget')}, act: order-1, article: п. 5 }
  - { funding_id: city-education, budget_level: city, names: ${names('education')}, act: order-1, article: п. 6 }
`,
  'tap-policy.yaml': `
medium_kinds: { social: social_card, wallet: wallet_card }
networks:
  - { network_id: "", mode: in, passback_s: 120, companion_max: 0, late_tap_accept_s: 259200, act: order-1, article: п. 7 }
  - { network_id: private, mode: in, passback_s: 60, companion_max: 0, late_tap_accept_s: 259200, act: order-1, article: п. 8 }
`,
  'fare_media.txt': `
fare_media_id,fare_media_name,fare_media_type
social_card,Соціальна карта,2
wallet_card,Електронний квиток,2
bank_card,Банківська картка,3
`,
  'rider_categories.txt': `
rider_category_id,rider_category_name,is_default_fare_category
full,Повна вартість,1
pensioner,Пенсіонер,0
pupil,Учень,0
donor,Донор,0
`,
  'fare_products.txt': `
fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,currency
ride-municipal,Поїздка,full,social_card,12.00,UAH
ride-municipal,Поїздка,full,wallet_card,14.00,UAH
ride-private,Поїздка,full,social_card,13.00,UAH
ride-private,Поїздка,full,wallet_card,15.00,UAH
`,
  'fare_leg_rules.txt': `
rule_id,leg_group_id,network_id,fare_product_id,act,article
leg-municipal,city,municipal,ride-municipal,order-1,п. 1
leg-private,city,private,ride-private,order-1,п. 1
`,
  'fare_transfer_rules.txt': `
rule_id,from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,act,article
transfer-30,city,city,-1,1800,1,0,order-1,п. 9
`,
  'networks.txt': 'network_id,network_name\nmunicipal,Комунальний\nprivate,Приватний\nunpriced,Без тарифу\n',
  'route_networks.txt':
    'network_id,route_id\nmunicipal,T1\nmunicipal,T2\nprivate,P1\nprivate,P2\nunpriced,X1\n',
};

/** After a breakdown of a vehicle: any network from municipal ones, the same line from the others, twice. */
export const BREAKDOWN = `
breakdown:
  - { rule_id: ride-on, network_id: "", ride_window_s: 5400, next_window_s: 3600, next_routes: any, rides: 1, companions: free, act: order-1, article: п. 10 }
  - { rule_id: ride-on-private, network_id: private, ride_window_s: 1800, next_window_s: 600, next_routes: same_route, rides: 2, companions: pay, act: order-1, article: п. 11 }
`;

/** The small package with some files replaced. Problems fail the test. */
export function packageOf(change: Readonly<Record<string, string>> = {}): TariffPackage {
  const read = readTariffPackage(filesOf({ ...PACKAGE, ...change }));
  if (!read.ok) throw new Error(read.problems.map(formatFileProblem).join('\n'));
  return read.package;
}

/** A timeline of packages; overlaps fail the test. */
export function timelineOf(...packages: TariffPackage[]): TariffTimeline {
  const { timeline, problems } = createTariffTimeline(packages);
  if (problems.length > 0) throw new Error(problems.map(formatFileProblem).join('\n'));
  return timeline;
}

/** The real packages of the reference city. */
export async function ternopil(): Promise<TariffTimeline> {
  const read = await loadTariffTimeline(
    fileURLToPath(new URL('../../cities/ternopil/tariff', import.meta.url)),
  );
  if (!read.ok) throw new Error(read.problems.map(formatFileProblem).join('\n'));
  return read.timeline;
}

export const CALENDAR = createFareCalendar('Europe/Kyiv', '04:00');

let taps = 0;

/** A tap at an instant (ISO text with offset, or milliseconds) with the social card on municipal route T1. */
export function tap(at: string | number, change: Partial<TapFact> = {}): TapFact {
  return {
    tapId: `tap-${String(++taps).padStart(6, '0')}`,
    fareAtMs: typeof at === 'number' ? at : Date.parse(at),
    uncertaintyMs: 0,
    mediumKind: 'social',
    direction: 'in',
    companions: 0,
    vehicleId: `vehicle-${taps}`,
    carrierId: 'carrier',
    routeId: 'T1',
    stopId: null,
    ...change,
  };
}

/** An entitlement that always held and was always known. */
export function entitlement(concessionId: string, change: Partial<EntitlementFact> = {}): EntitlementFact {
  return {
    entitlementId: `entitlement-${concessionId}`,
    concessionId,
    validFromMs: 0,
    validUntilMs: null,
    knownFromMs: 0,
    knownUntilMs: null,
    ...change,
  };
}

/** Prices taps of one fare day (that of the first tap). */
export function priceDay(
  tariffs: TariffTimeline,
  dayTaps: readonly TapFact[],
  more: Partial<AccountDay> & { stateIn?: PricingState } = {},
): PricedDay {
  const { stateIn = INITIAL_STATE, ...change } = more;
  const fareDay = change.fareDay ?? CALENDAR.fareDayOf((dayTaps[0] as TapFact).fareAtMs);
  const day = {
    accountId: 'account',
    fareDay,
    taps: dayTaps,
    entitlements: [],
    passes: [],
    knownAsOfMs: null,
    ...change,
  };
  return priceAccountDay(stateIn, day, tariffs, CALENDAR);
}
