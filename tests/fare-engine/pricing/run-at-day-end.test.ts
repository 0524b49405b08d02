/** What of a run of transfers goes over the end of a fare day, where one rule has a limit and another has none. */
import { expect, it } from 'vitest';
import { parseStateText, stateText } from '#pricing/state-text.ts';
import { PACKAGE, packageOf, priceDay, tap, timelineOf } from '../../support/tariff.ts';

const NIGHT = Date.parse('2026-03-03T04:00:00+02:00');
const MINUTE_MS = 60_000;
const HEADER = (PACKAGE['fare_transfer_rules.txt'] as string).trim().split('\n')[0];
/** Municipal to municipal within 30 minutes; from municipal to private without a limit of time. */
const tariffs = timelineOf(
  packageOf({
    'fare_leg_rules.txt': (PACKAGE['fare_leg_rules.txt'] as string).replace(
      'leg-private,city',
      'leg-private,private',
    ),
    'fare_transfer_rules.txt': `${HEADER}\nlimited,city,city,-1,1800,1,0,order-1,п. 9\nunlimited,city,private,,,,0,order-1,п. 9\n`,
  }),
);

function second(routeId: string, minutesAfterBorder: number) {
  const { stateOut } = priceDay(tariffs, [tap(NIGHT - 10 * MINUTE_MS)]);
  const stateIn = parseStateText(stateText(stateOut));
  return priceDay(tariffs, [tap(NIGHT + minutesAfterBorder * MINUTE_MS, { routeId })], { stateIn }).lines[0]
    ?.kind;
}

it('a rule with a limit goes on for as long as it says', () => {
  expect([second('T1', 20), second('T1', 21)]).toEqual(['transfer', 'ride']);
});

it('a rule without a limit ends with the fare day, and at no other time', () => {
  expect([second('P1', 0), second('P1', 20)]).toEqual(['ride', 'ride']);
  const [, line] = priceDay(tariffs, [
    tap(NIGHT - 20 * 60 * MINUTE_MS),
    tap(NIGHT - 1, { routeId: 'P1' }),
  ]).lines;
  expect(line?.kind).toBe('transfer');
});

it('a rule without a limit holds from the first leg of the new day on, in a run that came over the border', () => {
  const { stateOut } = priceDay(tariffs, [tap(NIGHT - 10 * MINUTE_MS)]);
  const lines = priceDay(
    tariffs,
    [tap(NIGHT + 10 * MINUTE_MS), tap(NIGHT + 600 * MINUTE_MS, { routeId: 'P1' })],
    { stateIn: stateOut },
  ).lines;
  expect(lines.map((l) => l.kind)).toEqual(['transfer', 'transfer']);
});
