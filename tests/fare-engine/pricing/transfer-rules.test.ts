import { describe, expect, it } from 'vitest';
import { ask, feedProblems, type Leg, leg, pricerOf, totals } from '../../support/fare-feed.ts';

const FARES = {
  'fare_products.txt': `
fare_product_id,amount,currency
bus_fare,2.00,UAH
tram_fare,4.00,UAH
ferry_fare,6.00,UAH
ab,0.50,UAH
bc,1.00,UAH
less,-1.00,UAH
through,3.00,UAH
`,
  'fare_leg_rules.txt': `
leg_group_id,network_id,fare_product_id
bus,bus,bus_fare
tram,tram,tram_fare
ferry,ferry,ferry_fare
`,
};
const HEADER =
  'from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id';
const priced = (rules: string, legs: Leg[]) =>
  totals(pricerOf(FARES, { 'fare_transfer_rules.txt': `${HEADER}\n${rules}\n` }), legs)[''];

const busThenTram = [leg('bus1', 'a', 'b', '08:00', '08:20'), leg('tram1', 'b', 'c', '08:40', '09:00')];
const tramThenBus = [leg('tram1', 'a', 'b', '08:00', '08:20'), leg('bus1', 'b', 'c', '08:40', '09:00')];
const three = [...busThenTram, leg('ferry', 'c', 'd', '09:10', '09:30')];

describe('the cost of a transfer', () => {
  it.each([
    ['no rule: the legs are separate', 'ferry,bus,,,,0,', '600'],
    ['type 0: A + AB', 'bus,tram,,,,0,ab', '250'],
    ['type 1: A + AB + B', 'bus,tram,,,,1,ab', '650'],
    ['type 2: AB', 'bus,tram,,,,2,through', '300'],
    ['a rule without a product costs nothing', 'bus,tram,,,,0,', '200'],
    ['a negative amount is a discount', 'bus,tram,,,,1,less', '500'],
    [
      'a rule that applies must be used even where separate fares cost less',
      'bus,tram,,,,0,ferry_fare',
      '800',
    ],
  ])('%s', (_name, rule, total) => {
    expect(priced(rule, busThenTram)).toBe(total);
  });

  it('holds in one direction only', () => {
    expect(priced('bus,tram,,,,0,', busThenTram)).toBe('200');
    expect(priced('bus,tram,,,,0,', tramThenBus)).toBe('600');
  });

  it.each([
    ['0', '0', 200 + 50 + 100],
    ['1', '1', 200 + 50 + 400 + 100 + 600],
    ['2', '2', 50 + 100],
    ['0', '2', 200 + 50 + 100],
    ['2', '0', 50 + 100],
    ['2', '1', 50 + 100 + 600],
    ['1', '2', 200 + 50 + 400 + 100],
  ])('adds up over two transfers of types %s and %s as the table of the standard says', (one, two, total) => {
    expect(priced(`bus,tram,,,,${one},ab\ntram,ferry,,,,${two},bc`, three)).toBe(String(total));
  });
});

describe('leg groups of transfers', () => {
  it('an empty group stands for the groups that its column does not list', () => {
    const rules = 'bus,,,,,0,\n,ferry,,,,1,less';
    expect(priced(rules, busThenTram)).toBe('200');
    const tramFerry = [leg('tram1', 'a', 'b', '08:00', '08:20'), leg('ferry', 'b', 'c', '08:30', '08:50')];
    expect(priced(rules, tramFerry)).toBe('900');
    // bus is listed as from and ferry as to: neither empty value stands for them.
    const busFerry = [leg('bus1', 'a', 'b', '08:00', '08:20'), leg('ferry', 'b', 'c', '08:30', '08:50')];
    expect(priced(rules, busFerry)).toBe('800');
  });

  it('a leg without a group never transfers', () => {
    const pricer = pricerOf(FARES, {
      'fare_leg_rules.txt': 'network_id,fare_product_id\nbus,bus_fare\n',
      'fare_transfer_rules.txt': `${HEADER}\n,,-1,,,0,\n`,
    });
    expect(
      totals(pricer, [leg('bus1', 'a', 'b', '08:00', '08:10'), leg('bus2', 'b', 'c', '08:20', '08:30')]),
    ).toEqual({
      '': '400',
    });
  });
});

describe('transfer_count', () => {
  const buses = [
    leg('bus1', 'a', 'b', '08:00', '08:10'),
    leg('bus2', 'b', 'c', '08:20', '08:30'),
    leg('bus1', 'c', 'd', '08:40', '08:50'),
    leg('bus2', 'd', 'a', '09:00', '09:10'),
  ];

  it('the smallest count that still covers a transfer is taken', () => {
    const rules = 'bus,bus,1,,,0,\nbus,bus,2,,,0,ab\nbus,bus,-1,,,0,bc';
    expect(priced(rules, buses.slice(0, 2))).toBe('200');
    expect(priced(rules, buses.slice(0, 3))).toBe('250');
    expect(priced(rules, buses)).toBe('350');
  });

  it('a transfer beyond it begins a new fare', () => {
    expect(priced('bus,bus,1,,,0,', buses.slice(0, 3))).toBe('400');
    expect(priced('bus,bus,1,,,0,', buses)).toBe('400');
    expect(priced('bus,bus,2,,,0,', buses)).toBe('400');
    expect(priced('bus,bus,3,,,0,', buses)).toBe('200');
  });
});

describe('a rule that is empty on both sides', () => {
  const three = [
    leg('bus1', 'a', 'b', '08:00', '08:20'),
    leg('tram1', 'b', 'c', '08:40', '09:00'),
    leg('ferry', 'c', 'd', '09:10', '09:30'),
  ];

  it('counts its transfers, whatever the groups', () => {
    expect(priced(',,-1,,,0,', three)).toBe('200');
    expect(priced(',,1,,,0,', three)).toBe('800');
    expect(priced(',,2,,,0,', three)).toBe('200');
    expect(priced(',,1,,,0,\n,,-1,,,0,ab', three)).toBe('250');
  });

  it('is timed from the first leg of its transfers', () => {
    // 70 minutes from the first departure to the last, 30 from the second.
    expect(priced(',,-1,4200,1,0,', three)).toBe('200');
    expect(priced(',,-1,4199,1,0,', three)).toBe('800');
  });

  it('stands for no group that its column lists elsewhere', () => {
    expect(priced('bus,ferry,,,,1,\n,,-1,,,0,', three)).toBe('1200');
  });
});

describe('transfer_count between different groups', () => {
  it('is forbidden, so it counts nothing and is warned of', () => {
    const rules = `${HEADER}\nbus,tram,1,,,0,ab\nbus,tram,-1,,,0,\n`;
    expect(totals(pricerOf(FARES, { 'fare_transfer_rules.txt': rules }), busThenTram)).toEqual({ '': '200' });
    const warnings = feedProblems(FARES, { 'fare_transfer_rules.txt': rules });
    expect(warnings.map((p) => [p.line, p.severity])).toEqual([
      [2, 'warning'],
      [3, 'warning'],
    ]);
  });
});

describe('duration_limit', () => {
  // Bus 08:00–08:20, tram 08:40–09:00: 60, 40, 20, 40 minutes by type.
  it.each([
    [0, 3600],
    [1, 2400],
    [2, 1200],
    [3, 2400],
  ])('type %i is within the limit up to and including its last second', (type, seconds) => {
    expect(priced(`bus,tram,,${seconds},${type},0,`, busThenTram)).toBe('200');
    expect(priced(`bus,tram,,${seconds - 1},${type},0,`, busThenTram)).toBe('600');
    expect(priced(`bus,tram,,${seconds + 1},${type},0,`, busThenTram)).toBe('200');
  });

  it('is measured from the first leg of consecutive transfers within one group', () => {
    const first = leg('bus1', 'a', 'b', '08:00', '08:10');
    const second = leg('bus2', 'b', 'c', '08:40', '08:50');
    const rule = 'bus,bus,-1,5400,1,0,';
    expect(priced(rule, [first, second, leg('bus1', 'c', 'd', '09:30', '09:40')])).toBe('200');
    expect(priced(rule, [first, second, leg('bus1', 'c', 'd', '09:30:01', '09:40')])).toBe('400');
  });
});

describe('several possibilities', () => {
  it('the cheapest lawful combination is taken, even where a dearer leg opens a transfer', () => {
    const pricer = pricerOf(FARES, {
      'fare_leg_rules.txt': `
leg_group_id,network_id,fare_product_id
plain,bus,bus_fare
open,bus,through
tram,tram,tram_fare
`,
      'fare_transfer_rules.txt': `${HEADER}\nopen,tram,,,,0,\n`,
    });
    expect(totals(pricer, busThenTram)).toEqual({ '': '300' });
    expect(totals(pricer, busThenTram.slice(0, 1))).toEqual({ '': '200' });
  });

  it('free legs are not charged for because a through fare exists as well', () => {
    const pricer = pricerOf(FARES, {
      'fare_products.txt': 'fare_product_id,amount,currency\nfree,0.00,UAH\nday,5.00,UAH\n',
      'fare_leg_rules.txt': 'leg_group_id,network_id,fare_product_id\nweekend,bus,free\nany,bus,day\n',
      'fare_transfer_rules.txt': `${HEADER}\nany,any,-1,86400,0,2,day\n`,
    });
    const legs = [leg('bus1', 'a', 'b', '08:00', '08:10'), leg('bus2', 'b', 'c', '08:20', '08:30')];
    expect(totals(pricer, legs)).toEqual({ '': '0' });
  });

  it('two currencies in one journey are refused with the reason, alone each has its price', () => {
    const pricer = pricerOf(FARES, {
      'fare_products.txt':
        'fare_product_id,amount,currency\nbus_fare,2.00,UAH\ntram_fare,4.00,EUR\nferry_fare,1.00,UAH\n',
    });
    const answer = ask(pricer, busThenTram);
    expect({ ...answer.totals }).toEqual({ '': null });
    expect(answer.explanation).toMatchObject([{ step: 'mixed-currencies' }]);
    expect(answer.explanation[0]?.text).toContain('EUR and UAH');
    expect(ask(pricer, busThenTram.slice(0, 1)).currency).toBe('UAH');
    expect(ask(pricer, busThenTram.slice(1)).currency).toBe('EUR');
  });

  it('a transfer that applies but is sold in another currency makes a mixture, not two fares', () => {
    const pricer = pricerOf(FARES, {
      'fare_products.txt':
        'fare_product_id,amount,currency\nbus_fare,2.00,UAH\ntram_fare,4.00,UAH\nferry_fare,1.00,UAH\nab,0.50,EUR\n',
      'fare_transfer_rules.txt': `${HEADER}\nbus,tram,,,,0,ab\n`,
    });
    const answer = ask(pricer, busThenTram);
    expect({ ...answer.totals }).toEqual({ '': null });
    expect(answer.explanation).toMatchObject([
      { step: 'mixed-currencies', text: expect.stringContaining('EUR and UAH') },
    ]);
    expect(totals(pricer, tramThenBus)).toEqual({ '': '600' });
  });

  it('a leg sold in two currencies is paid in the one that the other leg needs', () => {
    const pricer = pricerOf(FARES, {
      'fare_products.txt':
        'fare_product_id,amount,currency,rider_category_id,fare_media_id\nbus_fare,2.00,UAH,,\nbus_eur,1.00,EUR,,\ntram_fare,4.00,EUR,,\nferry_fare,1.00,UAH,,\n',
      'fare_leg_rules.txt':
        'leg_group_id,network_id,fare_product_id\nbus,bus,bus_fare\nbus,bus,bus_eur\ntram,tram,tram_fare\nferry,ferry,ferry_fare\n',
    });
    expect(totals(pricer, busThenTram)).toEqual({ '': '500' });
  });
});

describe('joined legs', () => {
  const JOIN = (rules: string) => ({
    'fare_leg_join_rules.txt': `from_network_id,to_network_id,from_stop_id,to_stop_id\n${rules}\n`,
  });
  const within = [leg('bus1', 'a', 'p1', '08:00', '08:10'), leg('bus2', 'p2', 'c', '08:20', '08:30')];
  const across = [leg('bus1', 'a', 'b', '08:00', '08:10'), leg('bus2', 'c', 'd', '08:20', '08:30')];

  it('count as one where the transfer stays in one station', () => {
    const pricer = pricerOf(FARES, JOIN('bus,bus,,'));
    expect(totals(pricer, within)).toEqual({ '': '200' });
    expect(totals(pricer, across)).toEqual({ '': '400' });
    expect(ask(pricer, within).lines).toMatchObject([{ legs: [0, 1], amountMinor: '200' }]);
  });

  it('or where the rule names the stops, a station standing for its platforms', () => {
    expect(totals(pricerOf(FARES, JOIN('bus,bus,b,c')), across)).toEqual({ '': '200' });
    expect(totals(pricerOf(FARES, JOIN('bus,bus,b,d')), across)).toEqual({ '': '400' });
    expect(totals(pricerOf(FARES, JOIN('bus,bus,station,p2')), within)).toEqual({ '': '200' });
  });

  it('of different networks have no network: only rules for any network fit', () => {
    const legs = [leg('bus1', 'a', 'p1', '08:00', '08:10'), leg('tram1', 'p2', 'c', '08:20', '08:30')];
    expect(totals(pricerOf(FARES, JOIN('bus,tram,,')), legs)).toEqual({ '': null });
    const rules = 'leg_group_id,network_id,fare_product_id\nbus,bus,bus_fare\nany,,ferry_fare\n';
    expect(totals(pricerOf(FARES, JOIN('bus,tram,,'), { 'fare_leg_rules.txt': rules }), legs)).toEqual({
      '': '600',
    });
  });
});
