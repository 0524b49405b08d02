/**
 * The proposed column `transfer_only` (mbta/gtfs-documentation, `reference/gtfs.md`, commit 06b68f84): a rule with 1 prices a
 * leg only where a transfer rule leads into it. Boston's feed has it, and its free transfers would be free rides without it.
 */
import { describe, expect, it } from 'vitest';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import { ask, feedProblems, filesOf, type Leg, leg, pricerOf, totals } from '../../support/fare-feed.ts';
import { PACKAGE } from '../../support/tariff.ts';

const PRODUCTS = {
  'fare_products.txt': `
fare_product_id,amount,currency
boarding,2.40,USD
express,5.00,USD
free,0.00,USD
up,0.70,USD
`,
};
const HEAD = 'leg_group_id,network_id,fare_product_id,transfer_only';
const priced = (legs: Leg[], rules: string[], transfers: string[] = [], head = HEAD) =>
  totals(feedOf(rules, transfers, head), legs);

function feedOf(rules: string[], transfers: string[], head = HEAD) {
  return pricerOf(PRODUCTS, {
    'fare_leg_rules.txt': `${head}\n${rules.join('\n')}\n`,
    'fare_transfer_rules.txt': `from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type,fare_product_id\n${transfers.join('\n')}\n`,
  });
}

const tram = leg('tram1', 'a', 'b', '08:00', '08:20');
const bus = leg('bus1', 'b', 'c', '08:30', '08:50');

describe('a rule for transfers only', () => {
  const BOTH = ['bus,bus,boarding,', 'bus_after,bus,free,1', 'tram,tram,boarding,0'];
  const AFTER = ['tram,bus_after,,0,', 'bus,tram,,0,up'];

  it('is no price of boarding', () => {
    expect(priced([bus], BOTH, AFTER)).toEqual({ '': '240' });
    expect(priced([bus], ['bus_after,bus,free,1'])).toEqual({ '': null });
  });

  it('is the price of a leg that a transfer rule leads into', () => {
    // The type of the rule says what is paid: 0 is the transfer alone.
    expect(priced([tram, bus], BOTH, AFTER)).toEqual({ '': '240' });
    expect(priced([tram, bus], BOTH, ['tram,bus_after,,1,up'])).toEqual({ '': '310' });
  });

  it('is none without that transfer rule: the leg costs as if boarded', () => {
    expect(priced([tram, bus], BOTH, [])).toEqual({ '': '480' });
    expect(priced([tram, bus], ['tram,tram,boarding,', 'bus_after,bus,free,1'])).toEqual({ '': null });
  });

  it('does not carry into a leg further on', () => {
    const last = leg('bus2', 'c', 'd', '09:00', '09:10');
    expect(priced([tram, bus, last], BOTH, ['tram,bus_after,,0,'])).toEqual({ '': '480' });
  });

  it('stands before no other rule where no transfer leads, whatever its priority', () => {
    const head = `${HEAD},rule_priority`;
    const rules = [
      'bus,bus,boarding,,1',
      'bus_after,bus,free,1,9',
      'tram,tram,boarding,,',
      'bus,bus,express,0,0',
    ];
    expect(priced([bus], rules, AFTER, head)).toEqual({ '': '240' });
    expect(priced([tram, bus], rules, AFTER, head)).toEqual({ '': '240' });
    const low = ['bus,bus,boarding,,9', 'bus_after,bus,free,1,1', 'tram,tram,boarding,,'];
    expect(priced([tram, bus], low, AFTER, head)).toEqual({ '': '480' });
  });

  it('is one with 1 alone: whatever else stands in the column of others, their feed is priced', () => {
    for (const sign of ['true', 'false', '2', '0', ' '])
      expect(priced([bus], [`bus,bus,boarding,${sign}`])).toEqual({ '': '240' });
  });

  it('is named where a leg has no other', () => {
    const { totals: none, explanation } = ask(feedOf(['tram,tram,boarding,', 'bus_after,bus,free,1'], []), [
      tram,
      bus,
    ]);
    expect({ ...none }).toEqual({ '': null });
    expect(explanation).toMatchObject([{ step: 'no-leg-rule', legs: [1] }]);
  });
});

describe("Boston's subway and Silver Line", () => {
  // Rows of its feed (Sky9x/mbta-gtfs-data, commits 14499865, 0daa504d, 782b9dd0); stops are ours, one in each area.
  const LEGS = [
    'leg_rapid_transit_cash,rapid_transit,area_green_b_west_of_kenmore,,cash,',
    'leg_rapid_transit_cash,rapid_transit,,,cash,1',
    'leg_rapid_transit_free,rapid_transit,,,free,1',
    'leg_rapid_transit_quick_subway,rapid_transit,,,quick,',
    'leg_ss_rapid_transit_cash,rapid_transit,area_red_south_station,,cash,1',
    'leg_ss_rapid_transit_free,rapid_transit,area_red_south_station,,free,1',
    'leg_ss_rapid_transit_quick_subway,rapid_transit,area_red_south_station,,quick,',
    'leg_sl_rapid_transit_free,sl_rapid_transit,area_sl_logan_terminal,,free,',
    'leg_sl_rapid_transit_cash,sl_rapid_transit,,,cash,',
  ];
  const free = (from: string, to: string) => `leg_${from},leg_${to},,0,`;
  const TRANSFERS = ['cash', 'free'].flatMap((by) => [
    `leg_rapid_transit_${by},leg_rapid_transit_${by},-1,0,`,
    free(`rapid_transit_${by}`, `sl_rapid_transit_${by}`),
    free(`sl_rapid_transit_${by}`, `ss_rapid_transit_${by}`),
    free(`ss_rapid_transit_${by}`, `rapid_transit_${by}`),
  ]);
  const AREAS = {
    logan: 'area_sl_logan_terminal',
    south: 'area_red_south_station',
    brookline: 'area_green_b_west_of_kenmore',
  };
  const boston = pricerOf({
    'stops.txt': 'stop_id,stop_name\npark,P\nsilver,S\nlogan,L\nsouth,S\nbrookline,B\n',
    'routes.txt': 'route_id,network_id\nRed,rapid_transit\nGreen-B,rapid_transit\nSL1,sl_rapid_transit\n',
    'areas.txt': `area_id\n${Object.values(AREAS).join('\n')}\n`,
    'stop_areas.txt': `area_id,stop_id\n${Object.entries(AREAS)
      .map(([stop, area]) => `${area},${stop}`)
      .join('\n')}\n`,
    'fare_media.txt': 'fare_media_id,fare_media_type\ncash,0\ncharlieticket,1\n',
    'fare_products.txt':
      'fare_product_id,fare_media_id,amount,currency\nfree,,0.00,USD\ncash,cash,2.40,USD\nquick,charlieticket,2.40,USD\n',
    'fare_leg_rules.txt': `leg_group_id,network_id,from_area_id,to_area_id,fare_product_id,transfer_only\n${LEGS.join('\n')}\n`,
    'fare_transfer_rules.txt': `from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type,fare_product_id\n${TRANSFERS.join('\n')}\n`,
  });
  const RED = leg('Red', 'park', 'south', '09:00', '09:10');
  const FROM_LOGAN = leg('SL1', 'logan', 'south', '08:00', '08:20');
  const SOUTH = leg('Red', 'south', 'park', '08:30', '08:40');

  it.each<[string, Leg[], cash: string | null, ticket: string | null]>([
    ['from Park Street: a ticket, for its gates take no cash', [RED], null, '240'],
    ['from South Station too', [SOUTH], null, '240'],
    ['a tram in the street, in cash', [leg('Green-B', 'brookline', 'park', '08:00', '08:20')], '240', null],
    ['and on from it', [leg('Green-B', 'brookline', 'park', '08:00', '08:20'), RED], '240', null],
    ['the Silver Line from the airport', [FROM_LOGAN], '0', '0'],
    ['and on to the Red Line at South Station', [FROM_LOGAN, SOUTH], '0', '0'],
    ['and once more', [FROM_LOGAN, SOUTH, RED], '0', '0'],
    [
      'the Silver Line from a street, and on',
      [leg('SL1', 'silver', 'south', '08:00', '08:20'), SOUTH],
      '240',
      null,
    ],
  ])('%s', (_, legs, cash, charlieticket) => {
    expect(totals(boston, legs)).toEqual({ cash, charlieticket });
  });
});

it('the column is named in a warning, whatever stands in it', () => {
  const told = (cell: string) =>
    feedProblems(PRODUCTS, { 'fare_leg_rules.txt': `${HEAD}\n,bus,boarding,${cell}\n` }).map(
      ({ file, line, severity }) => `${file}:${line} ${severity}`,
    );
  for (const cell of ['', '0', '1', '2', 'true'])
    expect(told(cell)).toEqual(['fare_leg_rules.txt:1 warning']);
});

it('a city that charges taps has no such column', () => {
  const rules = (PACKAGE['fare_leg_rules.txt'] as string)
    .replace('act,', 'transfer_only,act,')
    .replaceAll('order-1', '0,order-1');
  const { problems } = readTariffPackage(filesOf({ ...PACKAGE, 'fare_leg_rules.txt': rules }));
  expect(problems).toMatchObject([{ code: 'TARIFF_VALUE_IGNORED', line: 1, severity: 'error' }]);
});
