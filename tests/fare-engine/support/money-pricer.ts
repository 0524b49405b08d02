/**
 * The stand-in with passes and a day's cap on top: who holds a pass pays nothing, and what anybody else pays of one fare day
 * beyond the cap is taken off.
 */
import type { PricedLine, PriceStep } from '#pricing/model.ts';
import type { Pricer } from '../../../fare-engine/ports.ts';
import { standInPricer } from './stand-in-pricer.ts';

export function moneyPricer(capMinor: bigint): Pricer {
  const pricer = standInPricer();
  return {
    ...pricer,
    price: (stateIn, day) => {
      const { lines, stateOut } = pricer.price(stateIn, day);
      const pass = day.passes[0];
      if (pass !== undefined) return { lines: lines.map((line) => covered(line, pass)), stateOut };
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

function step(kind: 'cap' | 'pass', ruleId: string, before: bigint, after: bigint, params = {}): PriceStep {
  return { kind, ruleId, act: 'act-1', article: '3', beforeMinor: before, afterMinor: after, params };
}

function covered(line: PricedLine, { passId, fareProductId }: { passId: string; fareProductId: string }) {
  const steps = [...line.steps, step('pass', fareProductId, line.riderMinor, 0n, { pass: passId })];
  return { ...line, riderMinor: 0n, passMinor: line.passMinor + line.riderMinor, steps };
}

function cut(line: PricedLine, riderMinor: bigint): PricedLine {
  const steps = [...line.steps, step('cap', 'day-cap', line.riderMinor, riderMinor)];
  return { ...line, riderMinor, capMinor: line.capMinor + line.riderMinor - riderMinor, steps };
}
