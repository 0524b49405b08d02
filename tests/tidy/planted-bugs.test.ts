/** Planted bugs name lines of sources: one whose line is gone would prove nothing, and is told here in a moment. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MUTANTS } from '../faults/checks/mutants.ts';

test.each(Object.entries(MUTANTS))('%s: its line is there, once', (_name, { file, line, becomes }) => {
  expect(readFileSync(file, 'utf8').split(line)).toHaveLength(2);
  expect(becomes).not.toBe(line);
});
