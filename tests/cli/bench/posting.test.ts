import { describe, expect, it } from 'vitest';
import type { BenchContext } from '../../../cli/bench/bench.ts';
import * as posting from '../../../cli/bench/posting.ts';
import { findingsOf } from './findings.ts';

describe('kvytok bench posting', () => {
  it('prices and posts what is in the inbox, writes what was recorded, exactly, beside pgbench on the same server', async () => {
    const { result, rate } = await findingsOf((context: BenchContext) =>
      posting.run(
        ['--taps', '600', '--alone', '300', '--rows', '100', '--pgbench', '1', '--rounds', '3'],
        context,
      ),
    );
    expect(result.exact, result.notes.join('; ')).toBe(true);
    expect(result.setting).toMatchObject({ taps: 600, alone: 300, workers: 2, rounds: 3 });
    expect(rate('priced and posted')).toBeGreaterThan(0);
    // Each turn is told, and the middle of them counts.
    const turns = [...(result.notes[0] ?? '').matchAll(/(\d+) \/ (\d+)/g)].map(([, ...two]) =>
      two.map(Number),
    );
    expect(turns).toHaveLength(3);
    const middle = (n: number) => turns.map((turn) => turn[n] as number).sort((a, b) => a - b)[1];
    expect(Math.round(rate('posted alone'))).toBe(middle(0));
    expect(Math.round(rate('pgbench TPC-B, scale 10, 8 clients'))).toBe(middle(1));
    // Each turn has its own ratio: that of the middles may be of two turns that never met.
    const ratios = turns.map(([alone = 0, peer = 0]) => alone / peer).sort((a, b) => a - b);
    expect(rate('ratio to pgbench, posted alone')).toBeCloseTo(ratios[1] as number, 1);
  });

  it('refuses sizes out of bounds by name', async () => {
    await expect(findingsOf((context) => posting.run(['--taps', '1'], context))).rejects.toThrow(
      '--taps takes a whole number from 100 to 5000000',
    );
  });
});
