import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteIndex } from '../../../fare-engine/reprice/byte-index.ts';

test('each text has one number, by order of first sight, whatever stands around it', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 3, unit: 'binary' }), { maxLength: 60 }), (texts) => {
      const index = new ByteIndex();
      const numbers = new Map<string, number>();
      for (const text of texts) {
        const bytes = Buffer.from(`${text}\t${text}`);
        const until = Buffer.byteLength(text);
        const known = numbers.get(text);
        if (!text.includes('\t')) {
          expect(index.findCell(bytes, 0)).toBe(known ?? -1);
          expect(index.end).toBe(until);
        }
        expect(index.find(bytes, until + 1, bytes.length)).toBe(known ?? -1);
        numbers.set(text, known ?? numbers.size);
        expect(index.take(bytes, until + 1, bytes.length)).toBe(numbers.get(text));
        if (!text.includes('\t')) expect(index.takeCell(bytes, 0)).toBe(numbers.get(text));
        expect(index.count).toBe(numbers.size);
      }
      index.clear();
      for (const text of numbers.keys())
        if (!text.includes('\t')) expect(index.findCell(Buffer.from(`${text}\t`), 0)).toBe(-1);
    }),
    { numRuns: 200 },
  );
});

test('many texts are found again after the index has grown', () => {
  const index = new ByteIndex();
  const bytesOf = (n: number): Buffer => Buffer.from(`val-${n % 400}.${'e'.repeat(32)}.${n}`);
  const many = Array.from({ length: 20_000 }, (_, n) => bytesOf(n));
  expect(many.every((bytes, n) => index.take(bytes, 0, bytes.length) === n)).toBe(true);
  const found = (n: number): number => index.findCell(Buffer.concat([bytesOf(n), Buffer.from('\t')]), 0);
  expect(many.every((_, n) => found(n) === n)).toBe(true);
  // In no order either.
  const anywhere = (n: number): number => (n * 7919) % many.length;
  expect(many.every((_, n) => found(anywhere(n)) === anywhere(n))).toBe(true);
  expect(found(20_000)).toBe(-1);
});
