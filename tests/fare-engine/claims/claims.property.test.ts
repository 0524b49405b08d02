/** What must hold of the claims of any month, over random rides and rules: a thousand months each. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CompensationRow } from '#pricing/compensation.ts';
import {
  type ClaimPackage,
  compareEntries,
  createClaimFold,
} from '../../../fare-engine/claims/make-claims.ts';
import type { ClaimDraft, ClaimEntry, ClaimTap } from '../../../fare-engine/claims/model.ts';
import { Headroom, roundUnits } from '../../../fare-engine/claims/money.ts';
import { nextPeriod, parsePeriod, type SettlementPeriod } from '../../../fare-engine/settlement/period.ts';
import { cases } from '../../support/properties.ts';

const OCTOBER = parsePeriod('2025-10') as SettlementPeriod;
const runs = cases();
const CARRIERS = ['tet', 'mat', null];
const rule = fc.record({
  basis: fc.constantFrom('fare_difference', 'rate', 'fixed_monthly'),
  coef: fc.integer({ min: 1, max: 20_000 }),
  vat: fc.constantFrom('none', 'included', 'excluded', 'added'),
  limit: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
  mode: fc.constantFrom('down', 'half_up', 'up'),
});

function row(id: string, { basis, coef, vat, limit, mode }: Record<string, unknown>): CompensationRow {
  return {
    compensation_id: `pays-${id}`,
    funding_id: id,
    basis,
    coef_bp: coef,
    vat,
    ...(vat === 'none' ? {} : { vat_bp: 2000 }),
    ...(basis === 'fare_difference' ? {} : { rate_minor: 777 }),
    ...(basis === 'fixed_monthly' ? { agency_id: 'tet' } : {}),
    ...(limit === undefined ? {} : { monthly_limit_minor: limit }),
    round_mode: mode,
    valid_from: '2025-01-01',
    valid_to: null,
    act: 'a',
    article: '1',
  } as CompensationRow;
}

const rides = fc
  .array(
    fc.record({
      carrierId: fc.constantFrom(...CARRIERS),
      fundingId: fc.constantFrom('city', 'state'),
      concessionId: fc.constantFrom('pensioner', 'pupil'),
      routeId: fc.constantFrom('r1', 'r2'),
      fareAtMs: fc.integer({ min: 0, max: 30 }),
      claimRide: fc.boolean(),
      concessionMinor: fc.bigInt({ min: 0n, max: 1500n }),
    }),
    { maxLength: 30 },
  )
  .map((list) =>
    list.map(
      (ride, i): ClaimEntry => ({
        ...ride,
        tapId: `tap-${i}`,
        revision: 1,
        sign: 1,
        currency: 'UAH',
        riderCategoryId: ride.concessionId,
        fareProductId: 'ride',
        fareMediaId: 'card',
        packageHash: 'p',
        fareDay: '2025-10-14',
        earlier: null,
      }),
    ),
  );

function claims(entries: readonly ClaimEntry[], rows: readonly CompensationRow[], period = OCTOBER) {
  const tariff: ClaimPackage = { hash: 'p', compensation: rows, priceOf: () => 1500n };
  const fold = createClaimFold({ period, currency: 'UAH', packageOf: () => tariff, last: tariff });
  const taps = [...entries].sort(compareEntries).flatMap((entry) => fold.add(entry) ?? []);
  return { taps, ...fold.finish() };
}

const lines = (list: readonly ClaimDraft[]) => list.flatMap((claim) => claim.lines);
const sum = <T>(list: readonly T[], of: (one: T) => bigint) =>
  list.reduce((total, one) => total + of(one), 0n);
const text = (value: unknown) => JSON.stringify(value, (_k, v) => (typeof v === 'bigint' ? `${v}` : v));
const month = fc
  .tuple(rides, rule, rule)
  .map(([entries, a, b]) => ({ entries, rows: [row('city', a), row('state', b)] }));

describe('claims of a month', () => {
  test('lines are their taps: concession steps, rides and amounts add up, what is left out is told [group 12]', () =>
    fc.assert(
      fc.property(month, ({ entries, rows }) => {
        const made = claims(entries, rows);
        const all = lines(made.claims);
        const leftOut = sum(made.leftOut, (one) => one.concessionMinor);
        expect(sum(all, (line) => line.concessionMinor) + leftOut).toBe(
          sum(entries, (e) => e.concessionMinor),
        );
        const byLine = Map.groupBy(made.taps, (tap) => tap.lineId);
        for (const line of all) {
          const taps = byLine.get(line.lineId) ?? [];
          if (line.rule?.basis === 'fixed_monthly' && taps.length === 0) continue;
          expect(line.rides).toBe(taps.filter((tap) => tap.entry.claimRide).length);
          expect(line.transfers).toBe(taps.filter((tap) => !tap.entry.claimRide).length);
          expect(sum(taps, (tap) => tap.units)).toBe(line.units);
          expect(sum(taps, (tap) => tap.fundedUnits)).toBe(line.fundedUnits);
        }
        expect(all.every((line) => line.claimedMinor + line.unfundedMinor === line.amountMinor)).toBe(true);
      }),
      runs,
    ));

  test('the whole difference without a limit is what the ledger says the budget owes, to the last kopiyka', () =>
    fc.assert(
      fc.property(rides, (entries) => {
        const plain = { basis: 'fare_difference', coef: 10_000, vat: 'included', mode: 'half_up' };
        const made = claims(entries, [row('city', plain), row('state', plain)]);
        for (const claim of made.claims) {
          const own = entries.filter(
            (e) => e.carrierId === claim.carrierId && e.fundingId === claim.fundingId,
          );
          expect(sum(claim.lines, (line) => line.claimedMinor)).toBe(sum(own, (e) => e.concessionMinor));
        }
      }),
      runs,
    ));

  test('the order in which taps arrived and their rows stand plays no part', () =>
    fc.assert(
      fc.property(month, fc.integer(), ({ entries, rows }, seed) => {
        const shuffled = [...entries].sort((a, b) => hash(a.tapId, seed) - hash(b.tapId, seed));
        const [one, other] = [claims(entries, rows), claims(shuffled, [...rows].reverse())];
        const sorted = (list: readonly ClaimTap[]) =>
          text([...list].sort((a, b) => (a.entry.tapId < b.entry.tapId ? -1 : 1)));
        expect(text(other.claims)).toBe(text(one.claims));
        expect(sorted(other.taps)).toBe(sorted(one.taps));
      }),
      runs,
    ));

  test('no rule asks for more than its limit; earlier rides are paid before later ones; each tap is in one claim [group 12]', () =>
    fc.assert(
      fc.property(month, ({ entries, rows }) => {
        const made = claims(entries, rows);
        for (const { compensation_id: id, monthly_limit_minor: limit } of rows) {
          const own = lines(made.claims).filter((line) => line.rule?.compensation_id === id);
          if (limit !== undefined) expect(sum(own, (l) => l.claimedMinor) <= BigInt(limit)).toBe(true);
          const taps = made.taps.filter((tap) => tap.compensationId === id && tap.units > 0n);
          const cut = taps.findIndex((tap) => tap.fundedUnits < tap.units);
          if (cut >= 0 && limit !== undefined)
            expect(taps.slice(cut + 1).every((tap) => tap.fundedUnits === 0n)).toBe(true);
        }
        expect(new Set(made.taps.map((tap) => tap.entry.tapId)).size).toBe(made.taps.length);
      }),
      runs,
    ));

  test('rounding happens once a line: it is never off by a whole kopiyka, and its mirror is its negative', () =>
    fc.assert(
      fc.property(month, fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), ({ entries, rows }, units) => {
        for (const line of lines(claims(entries, rows).claims)) {
          const off = line.amountMinor * line.unitsPerMinor - line.units;
          expect((off < 0n ? -off : off) < line.unitsPerMinor).toBe(true);
        }
        for (const mode of ['down', 'half_up', 'up'] as const)
          expect(roundUnits(-units, 12_000n, mode)).toBe(-roundUnits(units, 12_000n, mode));
      }),
      runs,
    ));

  test('what is taken back in the next month undoes exactly what the tap had, and names its month', () =>
    fc.assert(
      fc.property(month, ({ entries, rows }) => {
        const before = claims(entries, rows);
        const undone = before.taps.map(({ entry, lineId: _, ...earlier }) => ({
          ...entry,
          sign: -1 as const,
          earlier,
        }));
        const after = claims(
          undone,
          rows
            .filter((one) => one.basis !== 'fixed_monthly')
            .concat(
              rows
                .filter((one) => one.basis === 'fixed_monthly')
                .map((one) => ({ ...one, valid_to: '2025-11-01' })),
            ),
          nextPeriod(OCTOBER),
        );
        const units = (made: typeof before) =>
          sum(
            lines(made.claims).filter((l) => l.routeId !== null),
            (line) => line.fundedUnits,
          );
        expect(units(after)).toBe(-units(before));
        expect(lines(after.claims).every((line) => line.origin === '2025-10')).toBe(true);
        expect(after.claims.every((claim) => claim.claimId.startsWith('2025-11:'))).toBe(true);
      }),
      runs,
    ));

  test('the room under a limit is exact in any units', () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.bigInt({ min: -9999n, max: 9999n }), fc.constantFrom(1n, 10_000n, 12_000n))),
        (used) => {
          const room = new Headroom();
          for (const [units, per] of used) room.use(units, per);
          const exact = used.reduce((total, [units, per]) => total + units * (60_000n / per), 0n);
          const left = 100n * 60_000n - exact;
          expect(room.left(100n, 60_000n)).toBe(left < 0n ? 0n : left);
        },
      ),
      runs,
    ));
});

function hash(id: string, seed: number): number {
  return Math.imul(Number(id.slice(4)) + 1, seed | 1) | 0;
}
