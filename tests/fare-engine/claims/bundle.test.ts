/** A bundle holds as it is made, whatever the month; and each thing that does not fit is found, and named. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CompensationRow } from '#pricing/compensation.ts';
import type { ClaimEntry, ClaimTap } from '../../../fare-engine/claims/model.ts';
import {
  bundleOf,
  claimOf,
  claimsOf,
  codeOf,
  entryOf,
  type Files,
  judge,
  MORNING,
  made,
  RULE,
  ride,
} from '../support/claim-bundle.ts';

const rule = fc
  .record({
    basis: fc.constantFrom('fare_difference', 'reference', 'rate', 'fixed_monthly'),
    coef: fc.integer({ min: 1, max: 20_000 }),
    vat: fc.constantFrom('none', 'included', 'excluded', 'added'),
    limit: fc.option(fc.integer({ min: 0, max: 20_000 }), { nil: undefined }),
    mode: fc.constantFrom('down', 'half_up', 'up'),
    medium: fc.constantFrom('bank', 'none'),
  })
  .map(({ basis, coef, vat, limit, mode, medium }) => ({
    ...RULE,
    basis: basis === 'reference' ? 'fare_difference' : basis,
    coef_bp: coef,
    vat,
    vat_bp: vat === 'none' ? undefined : 2000,
    ...(basis === 'reference' ? { reference_media_id: medium } : {}),
    ...(basis === 'rate' || basis === 'fixed_monthly' ? { rate_minor: 777 } : {}),
    ...(basis === 'fixed_monthly' ? { agency_id: 'tet' } : {}),
    ...(limit === undefined ? {} : { monthly_limit_minor: limit }),
    round_mode: mode,
  })) as fc.Arbitrary<CompensationRow>;
const month = fc.array(
  fc.record({
    carrierId: fc.constantFrom('tet', 'mat'),
    concessionId: fc.constantFrom('pensioner', 'pupil'),
    routeId: fc.constantFrom('r1', 'r2', null),
    fareMediaId: fc.constantFrom('card', 'none'),
    fareAtMs: fc.integer({ min: MORNING, max: MORNING + 20 * 3_600_000 }),
    claimRide: fc.boolean(),
    concessionMinor: fc.bigInt({ min: 0n, max: 1500n }),
    back: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

/** Some rides are taken back that an earlier claim had, as it had them. */
function monthOf(list: readonly (Partial<ClaimEntry> & { back: boolean })[], row: CompensationRow) {
  const before = list.map(({ back, ...one }, i) => ({ back, entry: ride(i, one) }));
  const earlier = claimsOf(
    before.map(({ entry }) => entry),
    [row],
  ).taps;
  return before.map(({ back, entry }): ClaimEntry => {
    const had = earlier.find((tap) => tap.entry.tapId === entry.tapId);
    if (!back || had === undefined) return entry;
    const { entry: _, lineId: _line, ...money } = had;
    return { ...entry, sign: -1, earlier: { ...money, claimId: '2025-09:tet:city:UAH' } };
  });
}

test('any month’s bundle holds: every basis, coefficient, VAT, limit and price is found again from the rides up', () =>
  fc.assert(
    fc.asyncProperty(month, rule, async (list, row) => {
      const { taps, claims } = claimsOf(monthOf(list, row), [row]);
      for (const draft of claims) {
        const own = taps.filter(({ claimId }) => claimId === draft.claimId);
        expect(await judge(bundleOf(claimOf(draft), own))).toMatchObject({ ok: true, taps: own.length });
      }
    }),
    { numRuns: 100, endOnFailure: true },
  ));

describe('what the log says of a ride', () => {
  const { claim, taps, files } = made([
    ride(1),
    ride(2),
    ride(3),
    ride(4, { claimRide: false, concessionMinor: 500n }),
  ]);
  /** The log holds another ride than the row says. */
  const otherwise = (change: object) =>
    bundleOf(claim, taps, (tap) => JSON.stringify({ ...entryOf(tap), ...(tap === taps[1] ? change : {}) }));

  test('is what the row says, in every field; a proof of another leaf proves nothing', async () => {
    expect(await codeOf(files)).toBe('holds');
    for (const change of [
      { concession: '1200' },
      { fareDay: '2025-10-15' },
      { hourMs: 0 },
      { ride: false },
      { revision: 2 },
      { carrierId: 'mat' },
      { fundingId: 'state' },
      { concessionId: 'pupil' },
      { riderCategoryId: null },
      { routeId: 'r2' },
      { package: 'q' },
      { currency: 'EUR' },
      { kind: 'decision' },
      { more: 1 },
    ])
      expect([change, await codeOf(otherwise(change))]).toEqual([change, 'CLAIM_BUNDLE_LEAF']);
    // The row and its leaf agree, but the log that was signed has another leaf there.
    const dearer: Files = {
      ...files,
      'proofs.ndjson': (files['proofs.ndjson'] as string).replace('1201', '1202'),
    };
    dearer['taps.csv'] = (files['taps.csv'] as string).replace(',1201,', ',1202,');
    expect(await codeOf(dearer)).toBe('CLAIM_BUNDLE_AMOUNT');
    const other = (files['proofs.ndjson'] as string).replace('card', 'caRd');
    expect(await judge({ ...files, 'proofs.ndjson': other })).toMatchObject({
      code: 'CLAIM_BUNDLE_PROOF',
      detail: 'the leaves of the taps do not lead to the state that was signed',
    });
  });

  test('stands once, in its order, and nothing is proven that has no row', async () => {
    const proofs = (files['proofs.ndjson'] as string).split('\n');
    const rows = (files['taps.csv'] as string).split('\n');
    const with_ = (list: string[], name = 'proofs.ndjson') => codeOf({ ...files, [name]: list.join('\n') });
    expect(await with_([])).toBe('CLAIM_BUNDLE_PROOF');
    expect(await with_(proofs.toSpliced(1, 1))).toBe('CLAIM_BUNDLE_PROOF');
    expect(await with_(proofs.toSpliced(4, 1))).toBe('CLAIM_BUNDLE_PROOF');
    expect(await with_(proofs.toSpliced(5, 0, proofs[4] as string))).toBe('CLAIM_BUNDLE_PROOF');
    expect(await with_(rows.toSpliced(2, 1), 'taps.csv')).toBe('CLAIM_BUNDLE_PROOF');
    expect(await with_(rows.toSpliced(4, 1), 'taps.csv')).toBe('CLAIM_BUNDLE_PROOF');
    // Both tables name the first ride twice.
    const twice: Files = {
      ...files,
      'proofs.ndjson': proofs.toSpliced(1, 0, proofs[0] as string).join('\n'),
    };
    twice['taps.csv'] = rows.toSpliced(2, 0, rows[1] as string).join('\n');
    expect(await codeOf(twice)).toBe('CLAIM_BUNDLE_PROOF');
    expect(
      await with_([
        (proofs[0] as string).replace(/"before":\[[^\]]*\]/, '"before":["AAAA"]'),
        ...proofs.slice(1),
      ]),
    ).toBe('CLAIM_BUNDLE_PROOF');
    // A ride fewer in the tables and their proofs, well made: then the line has one too many.
    expect(await codeOf({ ...bundleOf(claim, taps.slice(1)) })).toBe('CLAIM_BUNDLE_AMOUNT');
  });
});

test('rides of a line that the claim does not have are reported, even where they cancel each other out', async () => {
  const { claim, taps, files } = made([ride(1), ride(2)]);
  const { entry: _, lineId: _line, ...money } = taps[1] as ClaimTap;
  const hidden = (n: number, sign: 1 | -1): ClaimTap => {
    const earlier = sign < 0 ? { ...money, claimId: 'before' } : null;
    return {
      ...(taps[1] as ClaimTap),
      lineId: 'f'.repeat(16),
      entry: ride(n, { sign, earlier }),
      units: BigInt(sign),
    };
  };
  expect(await codeOf(files)).toBe('holds');
  const verdict = await judge(bundleOf(claim, [...taps, hidden(8, 1), hidden(9, -1)]));
  expect(verdict).toMatchObject({ ok: false, code: 'CLAIM_BUNDLE_TAPS' });
  // What was only decided anew, with the same result, has a line of its own in the claim.
  const back = ride(3, { sign: -1, routeId: 'r9', earlier: { ...money, claimId: 'before' } });
  const again = made([ride(1), back, ride(3, { revision: 2, routeId: 'r9' })]);
  expect(again.claim.lines.map(({ routeId, rides }) => [routeId, rides])).toEqual([
    ['r1', 1],
    ['r9', 0],
  ]);
  expect(await codeOf(again.files)).toBe('holds');
});

describe('amounts', () => {
  const { vat_bp: _, ...plain } = RULE;
  const limited = { ...plain, vat: 'none' as const, coef_bp: 10_000, monthly_limit_minor: 2000 };
  const rides = [ride(1), ride(2), ride(3)];
  const fixed = { ...RULE, basis: 'fixed_monthly' as const, agency_id: 'tet', rate_minor: 50_000 };
  /** The claim says otherwise, everywhere it says it: only its rides know better. */
  const said = async (change: (line: Record<string, unknown>) => object, rows = [RULE], entries = rides) => {
    const { claim, taps } = made(entries, rows);
    const lines = claim.lines.map((line) => ({ ...line, ...change(line) })) as typeof claim.lines;
    const sum = (of: 'claimedMinor' | 'unfundedMinor' | 'concessionMinor') =>
      lines.reduce((total, line) => total + BigInt(line[of]), 0n).toString();
    const sums = { claimedMinor: sum('claimedMinor'), unfundedMinor: sum('unfundedMinor') };
    const rides = lines.reduce((total, line) => total + line.rides, 0);
    return codeOf(bundleOf({ ...claim, lines, ...sums, rides, ledgerMinor: sum('concessionMinor') }, taps));
  };
  const more = (text: unknown, by = 1n) => (BigInt(text as string) + by).toString();

  test.each<[string, (line: Record<string, unknown>) => object, CompensationRow[]?]>([
    ['rides', ({ rides: n }) => ({ rides: (n as number) + 1 })],
    ['transfers', () => ({ transfers: 1 })],
    ['concession steps', ({ concessionMinor }) => ({ concessionMinor: more(concessionMinor) })],
    ['units', ({ units }) => ({ units: more(units) })],
    ['funded units', ({ fundedUnits }) => ({ fundedUnits: more(fundedUnits, -1n) })],
    [
      'amount',
      ({ amountMinor, unfundedMinor }) => ({
        amountMinor: more(amountMinor),
        unfundedMinor: more(unfundedMinor),
      }),
    ],
    [
      'claimed',
      ({ claimedMinor, unfundedMinor }) => ({
        claimedMinor: more(claimedMinor),
        unfundedMinor: more(unfundedMinor, -1n),
      }),
    ],
    ['VAT share', ({ vatMinor }) => ({ vatMinor: more(vatMinor) })],
    ['units of a minor one', () => ({ unitsPerMinor: '10000' })],
    ['another coefficient', ({ rule: r }) => ({ rule: { ...(r as object), coef_bp: 9001 } })],
    ['another VAT', ({ rule: r }) => ({ rule: { ...(r as object), vat: 'none' } })],
    ['a reason', () => ({ reasons: ['limit'] })],
    ['a rule of another carrier', ({ rule: r }) => ({ rule: { ...(r as object), agency_id: 'mat' } })],
    ['a rule of another right', ({ rule: r }) => ({ rule: { ...(r as object), concession_id: 'pupil' } })],
    ['a rule that ended', ({ rule: r }) => ({ rule: { ...(r as object), valid_to: '2025-10-14' } })],
    ['a rate without its sum', ({ rule: r }) => ({ rule: { ...(r as object), basis: 'rate' } })],
    ['a fixed sum that is none', () => ({ fixedSum: true })],
    [
      'a rate',
      ({ rule: r }) => ({ rule: { ...(r as object), rate_minor: 778 } }),
      [{ ...RULE, basis: 'rate', rate_minor: 777 }],
    ],
    [
      'the fixed sum',
      ({ rule: r }) => (r === null ? {} : { rule: { ...(r as object), rate_minor: 50_001 } }),
      [fixed],
    ],
    [
      'the month of the fixed sum',
      ({ rule: r, fixedSum }) => (fixedSum ? { rule: { ...(r as object), valid_to: '2025-10-31' } } : {}),
      [fixed],
    ],
  ])('%s that the rides do not give is found', async (_name, change, rows) => {
    expect(await said(() => ({}), rows)).toBe('holds');
    expect(await said(change, rows)).toBe('CLAIM_BUNDLE_AMOUNT');
  });

  test('a fixed sum alone is found again, and one beyond its limit says so', async () => {
    expect(await codeOf(made([], [fixed]).files)).toBe('holds');
    const cut = made([], [{ ...fixed, monthly_limit_minor: 40_000 }]);
    expect(cut.claim).toMatchObject({ claimedMinor: '40000', lines: [{ reasons: ['limit'] }] });
    expect(await codeOf(cut.files)).toBe('holds');
    // Who says that others used the limit, and asks for less than is owed, leaves room; who hides them asks for too much.
    const others = (elsewhereUnits: string) => {
      const limits = cut.claim.limits?.map((limit) => ({ ...limit, elsewhereUnits }));
      return codeOf(bundleOf({ ...cut.claim, limits: limits ?? [] }, []));
    };
    expect([await others('0'), await others('-1000000000'), await others('1000000000')]).toEqual([
      'holds',
      'CLAIM_BUNDLE_LIMIT',
      'CLAIM_BUNDLE_LIMIT',
    ]);
    expect(await codeOf(bundleOf({ ...cut.claim, limits: [] }, []))).toBe('CLAIM_BUNDLE_LIMIT');
  });

  test('a limit is used up by the time of the rides, and no part of it is left', async () => {
    const { claim, taps, files } = made(rides, [limited]);
    expect([claim.claimedMinor, await codeOf(files)]).toEqual(['2000', 'holds']);
    const change = (n: number, tap: Partial<ClaimTap>) =>
      taps.map((one, i) => (i === n ? { ...one, ...tap } : one));
    // The last ride is paid, and the second not.
    const [, second, third] = taps as [ClaimTap, ClaimTap, ClaimTap];
    const swapped = change(1, { fundedUnits: 0n }).map((one, i) =>
      i === 2 ? { ...third, fundedUnits: second.fundedUnits } : one,
    );
    expect(await codeOf(bundleOf(claim, swapped))).toBe('CLAIM_BUNDLE_LIMIT');
    expect(await codeOf(bundleOf(claim, change(2, { fundedUnits: third.units, reason: null })))).toBe(
      'CLAIM_BUNDLE_AMOUNT',
    );
    expect(await codeOf(bundleOf(claim, change(2, { reason: 'no-rule' })))).toBe('CLAIM_BUNDLE_AMOUNT');
    expect(await codeOf(bundleOf(claim, change(0, { units: 1n })))).toBe('CLAIM_BUNDLE_AMOUNT');
  });

  test('prices of media that a difference is taken to stand in the claim', async () => {
    const { claim, taps, files } = made(rides, [{ ...RULE, reference_media_id: 'bank' }]);
    expect(claim.prices).toEqual([
      { packageHash: 'p', fareProductId: 'ride', fareMediaId: 'bank', minor: '2000' },
      { packageHash: 'p', fareProductId: 'ride', fareMediaId: 'card', minor: '1500' },
    ]);
    expect(await codeOf(files)).toBe('holds');
    expect(await codeOf(bundleOf({ ...claim, prices: [] }, taps))).toBe('CLAIM_BUNDLE_AMOUNT');
    const other = (claim.prices ?? []).map((price) => ({ ...price, minor: '2001' }));
    expect(await codeOf(bundleOf({ ...claim, prices: other }, taps))).toBe('CLAIM_BUNDLE_AMOUNT');
  });
});
