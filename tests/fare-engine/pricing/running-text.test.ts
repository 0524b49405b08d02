/** The short text of a state says what the canonical one says. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { INITIAL_STATE, type PricingState } from '#pricing/model.ts';
import { parseRunningText, runningText } from '#pricing/running-text.ts';
import { parseStateText, stateText } from '#pricing/state-text.ts';

const id = fc.constantFrom('tap-1', 'tap-2', '', '"quoted" \\ Є', '[1]');
const ms = fc.integer({ min: 0, max: 2 ** 45 });
const run = fc.record(
  {
    startedAtMs: ms,
    lastLegAtMs: ms,
    lastLegGroupId: id,
    lastStopId: fc.option(id),
    lastVehicleId: fc.option(id),
    transferCount: fc.nat(),
    firstTapId: id,
    packageHash: id,
    uncertaintyMs: ms,
    startedArrivalMs: ms,
    lastArrivalMs: ms,
  },
  {
    requiredKeys: [
      ...(['startedAtMs', 'lastLegAtMs', 'lastLegGroupId', 'lastStopId', 'lastVehicleId'] as const),
      ...(['transferCount', 'firstTapId'] as const),
    ],
  },
);
const touch = fc.record(
  { placeId: id, mediumId: id, atMs: ms, tapId: id, uncertaintyMs: ms, companions: fc.nat(), bags: fc.nat() },
  { requiredKeys: ['placeId', 'atMs', 'tapId'] },
);
const usual = fc.record({ transferRun: fc.option(run), lastTouches: fc.array(touch, { maxLength: 4 }) });

it('reads as the state that the canonical text would have been', () => {
  fc.assert(
    fc.property(usual, (parts) => {
      const state: PricingState = { ...INITIAL_STATE, ...parts };
      expect(parseRunningText(runningText(state))).toEqual(parseStateText(stateText(state)));
    }),
    { numRuns: 200 },
  );
});

it('names nothing that stands at its place', () => {
  const transferRun = { startedAtMs: 5, lastLegAtMs: 6, lastLegGroupId: 'city', lastStopId: null };
  const state: PricingState = {
    ...INITIAL_STATE,
    transferRun: { ...transferRun, lastVehicleId: 'v', transferCount: 0, firstTapId: 'a', packageHash: 'p' },
    lastTouches: [{ placeId: 'v', atMs: 5, tapId: 'a', companions: 2 }],
  };
  expect(runningText(state)).toBe(
    '[[5,6,"city",null,"v",0,"a","p",null,null,null],["v",null,5,null,null,2,null]]',
  );
  expect(runningText({ ...state, lastTouches: [...state.lastTouches] })).toBe(runningText(state));
});

const escort = {
  ...{ left: 1, concessionId: 'c', pass: null, packageHash: 'p', transfer: null },
  ...{ referenceMinor: '1', riderMinor: '0' },
};
it.each<[string, Partial<PricingState>]>([
  ['a cap', { caps: [{ capId: 'c', from: '2026-03-01', untilMs: 5, spentMinor: '1', rides: 1 }] }],
  ['a quota', { quotas: [{ quotaId: 'q', from: '2026-03-01', untilMs: 5, takenMinor: '1', rides: 1 }] }],
  ['a pass', { passes: [{ passId: 'p', startMs: 1, untilMs: 5, rides: 1 }] }],
  ['an escort', { lastTouches: [{ placeId: 'v', atMs: 5, tapId: 'a', escort }] }],
])('a state with %s has its canonical text', (_, parts) => {
  const state: PricingState = { ...INITIAL_STATE, ...parts };
  expect(runningText(state)).toBe(stateText(state));
  expect(parseRunningText(runningText(state))).toEqual(parseStateText(stateText(state)));
});

it('any other text is refused', () => {
  expect(() => parseRunningText('{"v":2}')).toThrow(SyntaxError);
  expect(() => parseRunningText('')).toThrow(SyntaxError);
});
