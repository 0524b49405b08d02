/**
 * Further feeds of OpenTripPlanner's own tests (`ext/fares/service/gtfs/v2/`: `CostedTransferAcrossNetworks`, `Areas`, `WildcardNetworkTransfer`,
 * `FreeTransferWithCategory`, `FreeTransferWithoutEligibility`, `SameGroupIdPriority`; commits 0c603868, 00af8c77, 2bd0a773, 30a8271e, 5454dbec,
 * 6777e93e). It lists the products that each leg may be ridden with; the amounts are ours, and the total is what its list leads to.
 */
import { describe, expect, it } from 'vitest';
import { leg, pricerOf, ride, totals } from '../../support/fare-feed.ts';

type Files = Readonly<Record<string, string>>;

const products = (a: string, b: string): Files => ({
  'fare_products.txt': `fare_product_id,amount,currency\na,${a},EUR\nb,${b},EUR\nt,1.00,EUR\n`,
});
/** Legs one after the other, a minute between them. */
const legsOn = (...routes: string[]) =>
  routes.map((route, i) => ride(route, 'a', 'b', `2026-03-02T0${6 + i}:00`, `2026-03-02T0${6 + i}:59`));

describe('a paid way between two networks, the other ways free', () => {
  const pricer = pricerOf(products('10.00', '7.00'), {
    'fare_leg_rules.txt': 'leg_group_id,network_id,fare_product_id\nA,bus,a\nB,tram,b\n',
    'fare_transfer_rules.txt':
      'from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type,fare_product_id\nA,A,-1,0,\nB,B,-1,0,\nA,B,,0,t\nB,A,,0,\n',
  });
  const [A, B] = ['bus1', 'tram1'];
  it.each([
    ['AAB', [A, A, B], '1100'],
    ['AABA', [A, A, B, A], '1100'],
    ['ABB', [A, B, B], '1100'],
    ['ABA', [A, B, A], '1100'],
    ['ABAB: the second way to B is paid too', [A, B, A, B], '1200'],
    ['BAB', [B, A, B], '800'],
  ])('%s', (_name, routes, total) => {
    expect(totals(pricer, legsOn(...routes))).toEqual({ '': total });
  });
});

describe('areas without priorities', () => {
  const pricer = pricerOf({
    'fare_products.txt':
      'fare_product_id,amount,currency\nto_outer,1.00,EUR\nfrom_outer,1.50,EUR\ninner_outer,5.00,EUR\n',
    'areas.txt': 'area_id\ninner\nouter\n',
    'stop_areas.txt': 'area_id,stop_id\ninner,a\nouter,b\n',
    'fare_leg_rules.txt':
      'leg_group_id,from_area_id,to_area_id,fare_product_id\ng,,outer,to_outer\ng,outer,,from_outer\ng,inner,outer,inner_outer\n',
  });
  it.each([
    ['from the inner to the outer one', 'a', 'b', '500'],
    ['to the outer one from nowhere', 'c', 'b', '100'],
    ['from the outer one to nowhere', 'b', 'c', '150'],
    ['from the inner one to nowhere: no rule', 'a', 'c', null],
  ])('%s', (_name, from, to, total) => {
    expect(totals(pricer, [leg('bus1', from, to, '08:00', '08:20')])).toEqual({ '': total });
  });
});

it('of two leg groups that fit, the one that opens a free transfer is taken where both legs cost less by it', () => {
  const files = {
    'fare_leg_rules.txt': 'leg_group_id,fare_product_id\nA,a\nB,b\n',
    'fare_transfer_rules.txt':
      'from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type\nA,A,-1,0\n',
  };
  expect(totals(pricerOf(products('10.00', '7.00'), files), legsOn('bus1', 'tram1'))).toEqual({ '': '1000' });
  expect(totals(pricerOf(products('10.00', '4.00'), files), legsOn('bus1', 'tram1'))).toEqual({ '': '800' });
});

it('a free transfer that is sold to youths alone is no one else’s', () => {
  const pricer = pricerOf({
    'rider_categories.txt':
      'rider_category_id,rider_category_name,is_default_fare_category\nadult,Adult,1\nyouth,Youth,0\n',
    'fare_products.txt':
      'fare_product_id,rider_category_id,amount,currency\na,,10.00,EUR\ny,youth,4.00,EUR\nyt,youth,0.00,EUR\n',
    'fare_leg_rules.txt': 'leg_group_id,fare_product_id\nA,a\nA,y\n',
    'fare_transfer_rules.txt':
      'from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type,fare_product_id\nA,A,-1,0,yt\n',
  });
  expect(totals(pricer, legsOn('bus1', 'bus2'))).toEqual({ '': '2000' });
  expect(totals(pricer, legsOn('bus1', 'bus2'), { riderCategoryId: 'youth' })).toEqual({ '': '400' });
});

it('a free transfer follows whichever product of its group was bought', () => {
  const pricer = pricerOf(products('10.00', '7.00'), {
    'fare_leg_rules.txt': 'leg_group_id,fare_product_id\nA,a\nA,b\n',
    'fare_transfer_rules.txt':
      'from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type\nA,A,-1,0\n',
  });
  expect(totals(pricer, legsOn('bus1', 'bus2', 'bus1'))).toEqual({ '': '700' });
});

describe('two rules of one group', () => {
  const AREAS = { 'areas.txt': 'area_id\na1\n', 'stop_areas.txt': 'area_id,stop_id\na1,a\na1,b\n' };
  const rules = (...rows: string[]) => ({
    'fare_leg_rules.txt': `leg_group_id,network_id,from_area_id,to_area_id,fare_product_id${rows[0]?.match(/,\d+$/) ? ',rule_priority' : ''}\n${rows.join('\n')}\n`,
  });
  it.each<[string, Files, string | null]>([
    [
      'one of a network, one of areas, no priority: neither',
      { ...AREAS, ...rules('g,bus,,,a', 'g,,a1,a1,b') },
      null,
    ],
    ['with priorities the higher one', { ...AREAS, ...rules('g,bus,,,a,0', 'g,,a1,a1,b,2') }, '2000'],
    ['no network in either: the cheaper', { ...AREAS, ...rules('g,,a1,a1,a', 'g,,a1,a1,b') }, '1000'],
    [
      'a conflict is settled by the priority, though it is dearer',
      rules('g,bus,,,a,1', 'g,bus,,,b,2'),
      '2000',
    ],
    ['no priority: the cheaper', rules('g,bus,,,a', 'g,bus,,,b'), '1000'],
    ['equal priorities: the cheaper', rules('g,bus,,,a,10', 'g,bus,,,b,10'), '1000'],
  ])('%s', (_name, files, total) => {
    const pricer = pricerOf(products('10.00', '20.00'), files);
    expect(totals(pricer, [leg('bus1', 'a', 'b', '08:00', '08:20')])).toEqual({ '': total });
  });
});
