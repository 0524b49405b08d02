import { expect, test } from 'vitest';
import { judgeTransactionOrder } from '../../fare-engine/adapters/transaction-order.ts';

test('the highest number that was given out is in order, the next one is not', () => {
  expect(() => judgeTransactionOrder('41', '42')).not.toThrow();
  expect(() => judgeTransactionOrder('42', '42')).toThrow(/number 42 next/);
});
