/** The small package with two networks in which leaving is tapped: by zones and hours, and at one price for missing taps. */
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { PACKAGE, packageOf } from './tariff.ts';

/** A row of `tap-policy.yaml`. */
export const policyRow = (networkId: string, words: string): string =>
  `  - { network_id: "${networkId}", passback_s: 20, companion_max: 2, late_tap_accept_s: 259200, act: order-1, article: п. 7, ${words} }\n`;

const METRO = 'mode: in_out, max_journey_s: 7200, same_stop_cancel_s: 60, missing_tap: max';
const TRAM =
  'mode: in_out, max_journey_s: 3600, same_stop_cancel_s: 60, missing_tap: flat, penalty_product_id: fine';

/** Rows for `tap-policy.yaml`: metro and tram ask for exits, the rest does not. */
export const policies = (metro = METRO, tram = TRAM): string =>
  `medium_kinds: { social: social_card, wallet: wallet_card }\nnetworks:\n${policyRow('', 'mode: in')}${policyRow('metro', metro)}${policyRow('tram', tram)}`;

export const PRODUCTS = `${PACKAGE['fare_products.txt']?.trim()}
zone-1,Зона,full,,10.00,UAH
zone-2,Зони,full,,14.00,UAH
zone-3,Зони,full,,20.00,UAH
tram,Трамвай,full,,9.00,UAH
fine,Доплата,full,,40.00,UAH
`;

const AREAS = ['a', 'b', 'c'];
const zoneRule = (from: string, to: string) => {
  const apart = Math.abs(AREAS.indexOf(from) - AREAS.indexOf(to)) + 1;
  return `metro-${from}-${to},city,metro,${from},${to},,zone-${apart},0,order-1,п. 1\n`;
};

/** Stops `a1`, `a2`, `b1`, `c1`; routes M1 (metro), R1 (tram), T1 and P1 (only boarding). */
export function journeyTariff(change: Readonly<Record<string, string>> = {}): TariffPackage {
  return packageOf({
    'tap-policy.yaml': policies(),
    'fare_products.txt': PRODUCTS,
    'fare_leg_rules.txt': `rule_id,leg_group_id,network_id,from_area_id,to_area_id,to_timeframe_group_id,fare_product_id,rule_priority,act,article
leg-municipal,city,municipal,,,,ride-municipal,0,order-1,п. 1
leg-private,city,private,,,,ride-private,0,order-1,п. 1
tram,city,tram,,,,tram,0,order-1,п. 1
${AREAS.flatMap((from) => AREAS.map((to) => zoneRule(from, to))).join('')}`,
    'networks.txt':
      'network_id,network_name\nmunicipal,Комунальний\nprivate,Приватний\nmetro,Метро\ntram,Трамвай\n',
    'route_networks.txt': 'network_id,route_id\nmunicipal,T1\nprivate,P1\nmetro,M1\ntram,R1\n',
    'areas.txt': 'area_id\na\nb\nc\n',
    'stop_areas.txt': 'area_id,stop_id\na,a1\na,a2\nb,b1\nc,c1\n',
    'caps.yaml': `caps:
  - { cap_id: day, names: { uk: день, en: day, de: Tag, pl: dzień }, window: day, day_start: "04:00", basis: amount, cap_minor: 5000, act: order-1, article: п. 1 }
`,
    ...change,
  });
}
