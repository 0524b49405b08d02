import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { INVARIANTS, readReports, reliabilityText } from '../../scripts/reliability.ts';
import { ROOT } from '../tidy/project-files.ts';

describe('docs/RELIABILITY.md', () => {
  it('is what the reports and the named tests give (node scripts/reliability.ts writes it)', () => {
    expect(readFileSync(join(ROOT, 'docs/RELIABILITY.md'), 'utf8')).toBe(reliabilityText(readReports()));
  });

  it('speaks of each invariant of the design, and names only tests that exist', () => {
    expect(INVARIANTS).toHaveLength(16);
    expect(reliabilityText([])).toContain('No run has been measured yet.');
  });

  it('says so when a run was not exact', () => {
    const [report] = readReports();
    if (report === undefined) throw new Error('there is no report');
    expect(reliabilityText([{ ...report, exact: false }])).toContain('NOT exact');
  });

  it('holds no report in which something was lost or doubled', () => {
    const faults = readReports().find(({ bench }) => bench === 'faults');
    const figure = (name: string) => faults?.figures.find((one) => one.name === name)?.value;
    expect(faults?.exact).toBe(true);
    expect([figure('lost'), figure('doubled')]).toEqual([0, 0]);
    expect(figure('kills')).toBeGreaterThanOrEqual(20);
  });
});
