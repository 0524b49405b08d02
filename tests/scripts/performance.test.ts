import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BenchReport } from '../../cli/bench/bench.ts';
import { performanceText, readPerformanceReports } from '../../scripts/performance.ts';
import { ROOT } from '../tidy/project-files.ts';

const REPORT: BenchReport = {
  v: 1,
  bench: 'posting',
  startedAt: '2026-01-02T03:04:05.000Z',
  seconds: 12,
  machine: 'a machine',
  setting: { taps: 100 },
  figures: [
    { name: 'ratio', value: 3.21, unit: '×', target: '≥ 12' },
    { name: 'speed', value: 15_000, unit: 'taps/s', target: '≥ 15000' },
  ],
  notes: [],
  exact: true,
};

describe('docs/PERFORMANCE.md', () => {
  it('is what the reports give (node scripts/performance.ts writes it)', () => {
    const written = readFileSync(join(ROOT, 'docs/PERFORMANCE.md'), 'utf8');
    expect(written).toBe(performanceText(readPerformanceReports()));
  });

  it('says of each target whether it is reached, and of each benchmark whether it was measured', () => {
    const text = performanceText(new Map([['posting', REPORT]]));
    expect(text).toContain('| ratio | 3.21 × | ≥ 12: not reached |');
    expect(text).toContain('| speed | 15,000 taps/s | ≥ 15000: reached |');
    expect(text).toContain('## taps');
    expect(text).toContain('Not measured yet.');
  });

  it('takes no figure for good whose books were not exact', () => {
    expect(performanceText(new Map([['posting', { ...REPORT, exact: false }]]))).toContain('NOT exact');
  });
});
