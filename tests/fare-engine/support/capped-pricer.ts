/** The stand-in with a day's cap on top: what a rider pays of one fare day beyond it, the cap takes off. */
import type { PricedLine } from '#pricing/model.ts';
import type { Pricer } from '../../../fare-engine/ports.ts';
import { standInPricer } from './stand-in-pricer.ts';

export function cappedPricer(capMinor: bigint): Pricer {
  const pricer = standInPricer();
  return {
    ...pricer,
    price: (stateIn, day) => {
      const { lines, stateOut } = pricer.price(stateIn, day);
      let spent = 0n;
      const capped = lines.map((line) => {
        const left = capMinor - spent;
        const paid = line.riderMinor < left ? line.riderMinor : left;
        spent += paid;
        return paid === line.riderMinor ? line : cut(line, paid);
      });
      return { lines: capped, stateOut };
    },
  };
}

function cut(line: PricedLine, riderMinor: bigint): PricedLine {
  const step = {
    kind: 'cap' as const,
    ruleId: 'day-cap',
    act: 'act-1',
    article: '3',
    beforeMinor: line.riderMinor,
    afterMinor: riderMinor,
    params: {},
  };
  return {
    ...line,
    riderMinor,
    capMinor: line.capMinor + line.riderMinor - riderMinor,
    steps: [...line.steps, step],
  };
}
