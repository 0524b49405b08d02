import { expect, test } from 'vitest';
import * as tap from '../../../cli/bench/tap.ts';
import { findingsOf } from './findings.ts';

test('a tap of every kind of card is measured by its parts, and the parts make the whole', {
  timeout: 120_000,
}, async () => {
  const { result } = await findingsOf((context) =>
    tap.run(['--taps', '20', '--entries', '3000', '--laid', '2'], context),
  );
  expect(result.exact).toBe(true);
  const of = (name: string) => result.figures.find((figure) => figure.name === name)?.value ?? Number.NaN;
  for (const kind of String(result.setting['cards']).split(' ')) {
    expect(of(`${kind}: our part, p50`)).toBeGreaterThan(0);
    expect(of(`${kind}: our part, p99`)).toBeGreaterThanOrEqual(of(`${kind}: our part, p50`));
    expect(of(`${kind}: of it signature and disk, median`)).toBeGreaterThan(0);
    expect(of(`${kind}: commands`)).toBeGreaterThanOrEqual(3);
  }
  const kinds = String(result.setting['cards']).split(' ');
  for (const kind of kinds)
    expect(of(`${kind}: through pcscd, from the first command to the light, p50`)).toBeGreaterThan(0);
  expect(of('memory of an agent with the whole list')).toBeGreaterThan(10);
});

test('an unknown kind of card is refused by name', async () => {
  const run = findingsOf((context) => tap.run(['--card', 'gold'], context));
  await expect(run).rejects.toThrow('--card takes desfire, plain');
});
