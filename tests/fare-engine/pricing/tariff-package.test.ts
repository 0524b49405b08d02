import { describe, expect, it } from 'vitest';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { formatFileProblem, hasErrors } from '#pricing/file-problem.ts';
import { hashPackage, readTariffPackage } from '#pricing/tariff-package.ts';
import { createTariffTimeline } from '#pricing/tariff-timeline.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE, packageOf } from '../../support/tariff.ts';

/** Replaces text in one file; a text that is not there fails the test. */
function changed(file: string, from: string, to: string): Record<string, string> {
  const text = PACKAGE[file] as string;
  if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
  return { [file]: text.replace(from, to) };
}

/** Problems of the changed package as `file:line: message`; every one must say how to mend it. */
function problems(change: Record<string, string>, without: string[] = []): string[] {
  const files = filesOf({ ...PACKAGE, ...change });
  for (const name of without) files.delete(name);
  const read = readTariffPackage(files);
  for (const p of read.problems) {
    expect(p.howToMend.length, p.message).toBeGreaterThan(3);
    expect(p.line).toBeGreaterThan(0);
    expect(p.column).toBeGreaterThan(0);
  }
  expect(read.ok).toBe(!hasErrors(read.problems));
  return read.problems.map((p) => `${p.file}:${p.line}: ${p.message}`);
}

describe('a package', () => {
  it('is read whole, without problems', () => {
    const p = packageOf();
    expect(problems({})).toEqual([]);
    expect(new Date(p.validFromMs).toISOString()).toBe('2025-12-31T22:00:00.000Z');
    expect(p.validUntilMs).toBeNull();
    expect(p.defaultCategoryId).toBe('full');
    expect(p.policyOf('municipal').passback_s).toBe(120);
    expect(p.policyOf('private').passback_s).toBe(60);
    expect(p.policyOf(null).passback_s).toBe(120);
    expect(p.transferWindowMsMax).toBe(1_800_000);
  });

  it('is named by the hash over its sorted files', () => {
    const files = filesOf({ 'b.txt': 'two', 'a.txt': 'one' });
    expect(hashPackage(files)).toBe(sha256Hex(`a.txt\0${sha256Hex('one')}\nb.txt\0${sha256Hex('two')}\n`));
    expect(packageOf().hash).not.toBe(packageOf(changed('tariff.yaml', 'test-1', 'test-2')).hash);
  });

  it('has the rows of concession categories that follow from the law', () => {
    const { feed } = packageOf().pricer;
    const made = [...feed.products.values()].flat().filter((row) => row.line === 0);
    const text = made.map((r) => `${r.productId} ${r.categoryId} ${r.mediaId} ${r.amountMinor}`).sort();
    expect(text).toEqual([
      'ride-municipal donor social_card 900',
      'ride-municipal donor wallet_card 1100',
      'ride-municipal pensioner social_card 0',
      'ride-municipal pupil social_card 0',
      'ride-private donor social_card 1000',
      'ride-private donor wallet_card 1200',
      'ride-private pensioner social_card 0',
      'ride-private pupil social_card 700',
      'ride-private pupil wallet_card 800',
    ]);
  });
});

describe('each kind of error is named with its file and line', () => {
  const row = (text: string) => ({ 'fare_products.txt': `${PACKAGE['fare_products.txt']}${text}\n` });
  it.each<[string, Record<string, string>, string]>([
    ['not YAML', { 'tariff.yaml': 'a: [1,\nb: 2\n' }, 'tariff.yaml:'],
    ['an unknown key', changed('tariff.yaml', 'status:', 'colour: red\nstatus:'), 'tariff.yaml:7:'],
    [
      'a date that does not exist',
      changed('tariff.yaml', '2026-01-01', '2026-02-30'),
      'tariff.yaml:3: 2026-02-30 is no date',
    ],
    [
      'an end before the beginning',
      changed('tariff.yaml', 'valid_to: null', 'valid_to: 2026-01-01'),
      'tariff.yaml:4: valid_to is not after valid_from',
    ],
    [
      'an unknown zone',
      changed('tariff.yaml', 'Europe/Kyiv', 'Europe/Atlantis'),
      'tariff.yaml:5: unknown time zone Europe/Atlantis',
    ],
    [
      'an act that is not listed',
      changed('tariff.yaml', 'act: order-1', 'act: order-9'),
      'tariff.yaml:8: act order-9 is not in tariff.yaml',
    ],
    [
      'a concession without an act',
      changed('concessions.yaml', 'act: cmu-354', 'act: cmu-999'),
      'concessions.yaml:5: act cmu-999 is not in tariff.yaml',
    ],
    ['a missing article', changed('concessions.yaml', '    article: п. 1\n', ''), 'concessions.yaml:2:'],
    [
      'a rule without an act',
      changed('fare_leg_rules.txt', 'ride-municipal,order-1,п. 1', 'ride-municipal,,'),
      'fare_leg_rules.txt:2: the rule cites no act',
    ],
    [
      'a rule without an article',
      changed('fare_transfer_rules.txt', 'order-1,п. 9', 'order-1,'),
      'fare_transfer_rules.txt:2: the rule cites no article',
    ],
    [
      'a price with an unknown act',
      {
        'fare_products.txt':
          'fare_product_id,rider_category_id,fare_media_id,amount,currency,act,article\nride-municipal,full,social_card,12.00,UAH,order-9,п. 1\nride-private,full,social_card,12.00,UAH,,\n',
      },
      'fare_products.txt:2: act order-9 is not in tariff.yaml',
    ],
    [
      'a concession twice',
      changed('concessions.yaml', 'concession_id: donor', 'concession_id: pensioner'),
      'concessions.yaml:39: pensioner occurs twice',
    ],
    [
      'an unknown category',
      changed('concessions.yaml', 'rider_category_id: donor', 'rider_category_id: giver'),
      'concessions.yaml:40: category giver is not in rider_categories.txt',
    ],
    [
      'a concession of the default category',
      changed('concessions.yaml', 'rider_category_id: donor', 'rider_category_id: full'),
      'concessions.yaml:40: the default category pays in full',
    ],
    [
      'an unknown payer',
      changed('concessions.yaml', 'funding_id: city-education', 'funding_id: nobody'),
      'concessions.yaml:38: nobody is not in funding.yaml',
    ],
    [
      'an unknown network',
      changed('concessions.yaml', 'network_id: private', 'network_id: metro'),
      'concessions.yaml:37: network metro is not in the feed',
    ],
    [
      'an unknown medium',
      changed('concessions.yaml', 'media_required: social_card', 'media_required: token'),
      'concessions.yaml:11: medium token is not in fare_media.txt',
    ],
    [
      'percent without its number',
      changed('concessions.yaml', '    discount_bp: 5000\n', ''),
      'concessions.yaml:33: discount_bp belongs to percent',
    ],
    [
      'a fixed amount with free',
      changed('concessions.yaml', 'discount_kind: free', 'discount_kind: free\n    discount_minor: 5'),
      'concessions.yaml:10: discount_minor belongs to fixed',
    ],
    [
      'a kind of medium without a medium',
      changed('tap-policy.yaml', 'wallet: wallet_card', 'wallet: purse'),
      'tap-policy.yaml:1: medium purse is not in fare_media.txt',
    ],
    [
      'no policy for the rest',
      changed('tap-policy.yaml', 'network_id: ""', 'network_id: municipal'),
      'tap-policy.yaml:2: no row for all other networks',
    ],
    [
      'a policy of an unknown network',
      changed('tap-policy.yaml', 'network_id: private', 'network_id: metro'),
      'tap-policy.yaml:4: network metro is not in the feed',
    ],
    [
      'another currency',
      changed('fare_products.txt', '12.00,UAH', '12.00,EUR'),
      'fare_products.txt:2: the price is in EUR',
    ],
    [
      'a negative price',
      changed('fare_products.txt', '12.00,UAH', '-1.00,UAH'),
      'fare_products.txt:2: a negative price',
    ],
    [
      'two default categories',
      changed('rider_categories.txt', 'Донор,0', 'Донор,1'),
      'rider_categories.txt:1: 2 default categories',
    ],
    [
      'a transfer of type 2',
      changed('fare_transfer_rules.txt', '1800,1,0', '1800,1,2'),
      'fare_transfer_rules.txt:2: fare_transfer_type 2',
    ],
    [
      'a duration that needs a tap on leaving',
      changed('fare_transfer_rules.txt', '1800,1,0', '1800,0,0'),
      'fare_transfer_rules.txt:2: the duration needs a tap on leaving',
    ],
    [
      'a reference that leads nowhere',
      changed('fare_leg_rules.txt', 'private,ride-private', 'private,ride-night'),
      'fare_leg_rules.txt:3: fare_product_id "ride-night" is not in fare_products.txt',
    ],
    [
      'a category price that disagrees with the law',
      row('ride-municipal,Поїздка,pensioner,social_card,1.00,UAH'),
      'fare_products.txt:6: category pensioner pays 100 minor units here, by law 0',
    ],
    [
      'a category price without a law',
      row('ride-municipal,Поїздка,pensioner,wallet_card,0.00,UAH'),
      'fare_products.txt:6: the price of category pensioner has no row of law',
    ],
    [
      'a category price without a full price',
      row('ride-municipal,Поїздка,pensioner,bank_card,0.00,UAH'),
      'fare_products.txt:6: a category has a price where the default category has none',
    ],
    [
      'a product price that is nowhere',
      changed('concessions.yaml', 'discount_kind: fixed\n    discount_minor: 300', 'discount_kind: product'),
      'concessions.yaml:47: no row of fare_products.txt has the price of category donor',
    ],
    [
      'two prices by network for one product',
      {
        ...changed('fare_leg_rules.txt', 'private,ride-private', 'private,ride-municipal'),
        ...row('ride-municipal,Поїздка,pupil,social_card,0.00,UAH'),
      },
      'fare_products.txt:6: the law gives category pupil different prices by network',
    ],
  ])('%s', (_name, change, expected) => {
    expect(problems(change)).toEqual(expect.arrayContaining([expect.stringContaining(expected)]));
  });

  it.each([
    'tariff.yaml',
    'concessions.yaml',
    'funding.yaml',
    'tap-policy.yaml',
    'fare_leg_rules.txt',
    'fare_products.txt',
  ])('the file %s is missing', (name) => {
    expect(problems({}, [name])).toContainEqual(`${name}:1: the file is missing`);
  });

  it('a transfer window between different leg groups is only a warning', () => {
    const read = readTariffPackage(
      filesOf({
        ...PACKAGE,
        ...changed('fare_leg_rules.txt', 'leg-private,city', 'leg-private,other'),
        ...changed('fare_transfer_rules.txt', 'city,city,-1', 'city,other,'),
      }),
    );
    expect(read.ok).toBe(true);
    expect(read.problems.map((p) => [p.severity, p.line])).toEqual([['warning', 2]]);
    expect(formatFileProblem(read.problems[0] as (typeof read.problems)[0])).toMatch(
      /^fare_transfer_rules\.txt:2:18: warning: .+ → .+ \[TARIFF_DURATION_BY_LEG\]$/,
    );
  });
});

describe('a category price of its own', () => {
  it('follows from the best of several rows of law', () => {
    const half = (PACKAGE['concessions.yaml'] as string)
      .slice((PACKAGE['concessions.yaml'] as string).indexOf('  - concession_id: pupil-private'))
      .split('  - concession_id: donor')[0] as string;
    const row = half
      .replace('pupil-private', 'pensioner-half')
      .replace('rider_category_id: pupil', 'rider_category_id: pensioner');
    const p = packageOf({
      'concessions.yaml': `${(PACKAGE['concessions.yaml'] as string).trimEnd()}\n${row}`,
    });
    const price = (mediaId: string) =>
      p.pricer.feed.products
        .get('ride-private')
        ?.find((r) => r.categoryId === 'pensioner' && r.mediaId === mediaId)?.amountMinor;
    expect([price('social_card'), price('wallet_card')]).toEqual([0n, 800n]);
  });

  it('is right where the law says "product"', () => {
    const p = packageOf({
      ...changed(
        'concessions.yaml',
        'discount_kind: fixed\n    discount_minor: 300',
        'discount_kind: product',
      ),
      'fare_products.txt': `${PACKAGE['fare_products.txt']}ride-municipal,Поїздка,donor,social_card,4.50,UAH\n`,
    });
    expect(
      p.pricer.feed.products.get('ride-municipal')?.find((r) => r.categoryId === 'donor')?.amountMinor,
    ).toBe(450n);
  });

  it('may be written out where it agrees with the law', () => {
    expect(
      problems({
        'fare_products.txt': `${PACKAGE['fare_products.txt']}ride-private,Поїздка,pupil,wallet_card,8.00,UAH\n`,
      }),
    ).toEqual([]);
  });
});

describe('a timeline', () => {
  const dated = (from: string, to: string, status = 'in-force') =>
    packageOf({
      'tariff.yaml': (PACKAGE['tariff.yaml'] as string)
        .replace('valid_from: 2026-01-01', `valid_from: ${from}`)
        .replace('valid_to: null', `valid_to: ${to}`)
        .replace('in-force', status)
        .replace('test-1', `v-${from}`),
    });
  const at = (text: string) => Date.parse(text);

  it('closes an open end by the next package and leaves gaps empty', () => {
    const [one, two, three] = [
      dated('2026-01-01', 'null'),
      dated('2026-02-01', '2026-03-01'),
      dated('2026-04-01', 'null'),
    ];
    const { timeline, problems: found } = createTariffTimeline([three, one, two]);
    expect(found).toEqual([]);
    expect(timeline.at(at('2025-12-31T23:59:59+02:00'))).toBeUndefined();
    expect(timeline.at(at('2026-01-31T23:59:59.999+02:00'))).toBe(one);
    expect(timeline.at(at('2026-02-01T00:00:00+02:00'))).toBe(two);
    expect(timeline.at(at('2026-03-01T00:00:00+02:00'))).toBeUndefined();
    expect(timeline.at(at('2026-04-01T00:00:00+03:00'))).toBe(three);
    expect(timeline.byHash(two.hash)).toBe(two);
  });

  it('refuses two packages that hold at one time, and ignores drafts', () => {
    const one = dated('2026-01-01', '2026-02-02');
    expect(createTariffTimeline([one, dated('2026-02-01', 'null')]).problems).toHaveLength(1);
    expect(createTariffTimeline([one, dated('2026-01-01', 'null')]).problems).toHaveLength(1);
    expect(createTariffTimeline([one, dated('2026-02-02', 'null')]).problems).toEqual([]);
    const draft = createTariffTimeline([one, dated('2026-01-01', 'null', 'draft')]);
    expect([draft.problems, draft.timeline.packages]).toEqual([[], [one]]);
    const superseded = dated('2026-02-02', 'null', 'superseded');
    expect(createTariffTimeline([superseded]).timeline.at(at('2026-03-01T00:00Z'))).toBe(superseded);
  });

  it('knows at each instant what was activated until then; the later activation supersedes', () => {
    const [old, next] = [dated('2026-01-01', 'null'), dated('2026-03-01', 'null')];
    const corrected = packageOf({
      ...changed('fare_products.txt', '12.00', '13.00'),
      'tariff.yaml': (PACKAGE['tariff.yaml'] as string).replace('test-1', 'v-corrected'),
    });
    const summer = dated('2026-02-01', '2026-04-01');
    const activations = new Map([
      [old.hash, 1000],
      [next.hash, 1000],
      [corrected.hash, 2000],
      [summer.hash, 3000],
    ]);
    const { timeline, problems: found } = createTariffTimeline([summer, corrected, next, old], activations);
    expect(found).toEqual([]);
    const inForce = (knownAsOfMs: number | null) =>
      ['2026-01-15', '2026-02-15', '2026-03-15', '2026-04-15'].map(
        (day) => timeline.asKnownAt(knownAsOfMs).at(at(`${day}T12:00Z`))?.tariff.version_id,
      );
    expect(inForce(999)).toEqual([undefined, undefined, undefined, undefined]);
    expect(inForce(1000)).toEqual(['v-2026-01-01', 'v-2026-01-01', 'v-2026-03-01', 'v-2026-03-01']);
    expect(inForce(1999)).toEqual(inForce(1000));
    // The same first day: it takes the other's place, up to where the next begins.
    expect(inForce(2000)).toEqual(['v-corrected', 'v-corrected', 'v-2026-03-01', 'v-2026-03-01']);
    // A period of its own within: it stands above what was known before, and no longer than it says.
    expect(inForce(null)).toEqual(['v-corrected', 'v-2026-02-01', 'v-2026-02-01', 'v-2026-03-01']);
    expect(timeline.asKnownAt(999).byHash(old.hash)).toBe(old);
    const together = new Map([...activations, [corrected.hash, 1000]]);
    expect(createTariffTimeline([corrected, next, old], together).problems).toMatchObject([
      { severity: 'error' },
    ]);
  });
});
