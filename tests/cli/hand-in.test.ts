/** What the office is told of several commands at once. */
import { expect, test } from 'vitest';
import { handedInText } from '../../cli/hand-in.ts';

test('of several commands it says which was refused, and how many were taken and wait', () => {
  const refused = { obeyed: false, reason: 'PAYMENT_UNKNOWN', detail: 'bp-2' } as const;
  expect(handedInText(['bp-1', 'bp-2', 'bp-3', 'bp-4'], [{ obeyed: true }, refused, null, null])).toBe(
    'refused: bp-2: PAYMENT_UNKNOWN (bp-2)\n4 handed in: 1 taken, 1 refused, 2 without an answer yet',
  );
});
