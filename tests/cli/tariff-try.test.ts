/** `kvytok tariff try`, from the command line: what comes out as expected, what does not, and what is no case. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as tariff from '../../cli/commands/tariff.ts';
import { LANGUAGES } from '../../contracts/reason-codes.ts';
import { runCommand } from '../support/command-io.ts';
import { CASES_DIR } from '../support/fare-cases.ts';
import { changed, openTried } from '../support/tried-packages.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { root, writePackage, attempt } = openTried();

const RIDE = 'medium: social, route: T1, pays: 12.00';
writeFileSync(
  join(root, 'cases.yaml'),
  `- name: A ride costs twelve
  rides:
    - { at: 2026-02-02 08:00, ${RIDE} }
- name: Pensioners ride free, and the city owes it
  entitlements: [{ concession: pensioner, from: 2026-01-01 }]
  rides:
    - { at: 2026-02-02 08:00, medium: social, route: T1, pays: 0.00, claim: yes, because: постанова КМУ 354 }
`,
);

describe('the cities of this checkout', () => {
  it.each(readdirSync(CASES_DIR).filter((name) => !name.includes('.')))(
    '%s: all of its cases',
    async (city) => {
      const { code, stdout } = await runCommand(
        tariff,
        // Most are tariffs alone, without a city.
        ['try', `cities/${city}`, '--cases', `tests/cases/${city}`, '--day-start', '04:00', '--lang', 'en'],
        '',
        ROOT,
      );
      const lines = stdout.trimEnd().split('\n');
      expect([code, lines.filter((line) => line.includes('DIFFERENT'))]).toEqual([0, []]);
      expect(lines.at(-1)).toBe(
        `Cases: ${lines.length - 1}. As expected: ${lines.length - 1}. Different: 0.`,
      );
      expect(lines.length).toBeGreaterThan(3);
    },
  );

  it('the example of the README holds, and each of its rides can fail', async () => {
    const readme = readFileSync(join(ROOT, 'fare-engine/tariff-cases/README.md'), 'utf8');
    const example = /```yaml\n([\s\S]*?)```/.exec(readme)?.[1] as string;
    writeFileSync(join(root, 'example.yaml'), example);
    const held = await attempt(join(ROOT, 'cities/ternopil'), '--cases', 'example.yaml');
    expect([held.code, held.stderr]).toEqual([0, '']);
    writeFileSync(
      join(root, 'example.yaml'),
      example.replaceAll('pays: 12.00', 'pays: 13.00').replaceAll('claim: yes', 'claim: no'),
    );
    const failed = await attempt(join(ROOT, 'cities/ternopil'), '--cases', 'example.yaml');
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain('Випадків: 4. Як очікувано: 1. Інакше: 3.\n');
  });

  it('a draft with one other number: names the cases, their rides and rules', async () => {
    const draft = join(root, 'draft-of-ternopil');
    cpSync(join(ROOT, 'cities/ternopil/tariff/2024-08-01'), draft, { recursive: true });
    const edit = (file: string, from: string, to: string) => {
      const text = readFileSync(join(draft, file), 'utf8');
      expect(text).toContain(from);
      writeFileSync(join(draft, file), text.replace(from, to));
    };
    edit('tariff.yaml', 'status: superseded', 'status: draft');
    edit('fare_transfer_rules.txt', ',1800,', ',1799,');
    const file = join(CASES_DIR, 'ternopil/transfers.yaml');
    const { code, stdout } = await attempt(
      join(ROOT, 'cities/ternopil'),
      draft,
      '--cases',
      file,
      '--lang',
      'en',
    );
    expect(code).toBe(1);
    expect(stdout).toContain(`${file}:6: DIFFERENT: At 30 minutes exactly it is still free\n`);
    expect(stdout).toContain(`  ${file}:9: ride 2: 2024-09-02 08:30:00, social, route P18\n`);
    expect(stdout).toContain('    the rider was to pay ₴0.00; by the tariff it is ₴12.00\n');
    expect(stdout).toMatch(
      /^ {6}Fare ₴12\.00: .*\[rule leg-private: City executive decision of 2024 on fares, /m,
    );
  });
});

describe('what came out', () => {
  it('says as expected of each, without a signature or a city', async () => {
    const { code, stdout, stderr } = await attempt('whole', '--cases', 'cases.yaml');
    expect([code, stderr, stdout.split('\n')]).toEqual([
      0,
      '',
      [
        'cases.yaml:1: як очікувано: A ride costs twelve',
        'cases.yaml:4: як очікувано: Pensioners ride free, and the city owes it',
        'Випадків: 2. Як очікувано: 2. Інакше: 0.',
        '',
      ],
    ]);
  });

  it('of a draft alone too, in four languages; a price, a claim, a reason', async () => {
    writePackage('dearer', {
      ...changed('fare_products.txt', '12.00', '13.50'),
      ...changed(
        'concessions.yaml',
        'discount_kind: free\n    media_required',
        'discount_kind: fixed\n    discount_minor: 100\n    media_required',
      ),
      ...changed('tariff.yaml', 'in-force', 'draft'),
    });
    const { code, ...said } = await attempt('dearer', '--cases', 'cases.yaml');
    const stdout = said.stdout.replaceAll('\u00a0', ' ');
    expect([code, stdout.split('\n').slice(0, 5)]).toEqual([
      1,
      [
        'cases.yaml:1: ІНАКШЕ: A ride costs twelve',
        '  cases.yaml:3: поїздка 1: 2026-02-02 08:00, social, маршрут T1',
        '    очікували, що пасажир заплатить 12,00 ₴; за тарифом — 13,50 ₴',
        '    тариф test-1',
        expect.stringMatching(
          /^ {6}Вартість поїздки 13,50 ₴: .*\[правило leg-municipal: Order 1 uk, п\. 1\]$/,
        ),
      ],
    ]);
    expect(stdout).toContain('[правило pensioner: постанова КМУ 354, п. 1]');
    const texts = new Set<string>();
    for (const lang of LANGUAGES)
      texts.add((await attempt('dearer', '--cases', 'cases.yaml', '--lang', lang)).stdout);
    expect(texts.size).toBe(LANGUAGES.length);
  });

  it('a claim, a reason, a repetition and a holding that differ, each by itself', async () => {
    const twice = 'times: 2, every_min: 60';
    writeFileSync(
      join(root, 'wrong.yaml'),
      [
        `- name: claimed\n  rides: [{ at: 2026-02-02 08:00, ${RIDE}, claim: yes }]`,
        `- name: explained\n  rides: [{ at: 2026-02-02 08:00, ${RIDE}, because: nothing like it }]`,
        `- name: repeated\n  rides: [{ at: 2026-02-02 08:00, ${twice}, ${RIDE.replace('12', '11')} }]`,
        `- name: given back\n  passes: [{ product: ride-private, from: 2026-02-01 00:00, paid: 9.00, returned: { at: 2026-02-03 00:00, back: 9.00 } }]\n  rides: [{ at: 2026-02-02 08:00, ${RIDE} }]`,
      ].join('\n'),
    );
    const { code, stdout } = await attempt('whole', '--cases', 'wrong.yaml', '--lang', 'en');
    expect(code).toBe(1);
    expect(stdout).toContain('    the ride was to be in a compensation claim; by the tariff it is in none\n');
    expect(stdout).toMatch(
      /^ {4}the explanation \(in Ukrainian\) lacks “nothing like it”; it is: “Вартість/m,
    );
    expect(stdout).toContain('ride 1 (2 of 2): 2026-02-02 08:00');
    expect(stdout).toContain(
      'giving back ride-private: ₴9.00 was expected, by the tariff it is HOLDING_NOT_RETURNABLE\n',
    );
    expect(stdout).toContain('Cases: 4. As expected: 0. Different: 4.\n');
  });

  it('as an object a line, the last with the counts', async () => {
    const { code, stdout } = await attempt('whole', '--cases', 'cases.yaml', '--json');
    const [first, second, counts] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect([code, counts]).toEqual([0, { cases: 2, asExpected: 2, different: 0 }]);
    expect(first).toMatchObject({
      file: 'cases.yaml',
      line: 1,
      name: 'A ride costs twelve',
      asExpected: true,
    });
    expect(second).toMatchObject({
      rides: [
        {
          line: 7,
          at: '2026-02-02T06:00:00.000Z',
          expected: { paysMinor: '0', claim: true },
          computed: {
            paysMinor: '0',
            versionId: 'test-1',
            steps: expect.arrayContaining([
              expect.objectContaining({ ruleId: 'pensioner', act: 'cmu-354', article: 'п. 1' }),
            ]),
          },
          differs: [],
        },
      ],
    });
  });

  it('a package that is named after a city takes the place of what it supersedes', async () => {
    writePackage('city/tariff/first');
    writePackage('next', {
      ...changed('fare_products.txt', '12.00', '13.00'),
      ...changed('tariff.yaml', '2026-01-01', '2026-03-01'),
    });
    const [last, first] = ['2026-02-28 23:59:59', '2026-03-01 00:00:00'];
    writeFileSync(
      join(root, 'change.yaml'),
      `- name: on the first of March\n  rides: [{ at: ${last}, ${RIDE} }, { at: ${first}, vehicle: next, ${RIDE.replace('12', '0')} }, { at: 2026-03-01 09:00, ${RIDE.replace('12', '13')} }]\n`,
    );
    expect((await attempt('city', 'next', '--cases', 'change.yaml')).code).toBe(0);
    expect((await attempt('city', '--cases', 'change.yaml')).code).toBe(1);
    // Of two that begin on one day the one that is named last.
    writePackage('later', {
      ...changed('fare_products.txt', '12.00', '14.00'),
      ...changed('tariff.yaml', '2026-01-01', '2026-03-01'),
    });
    const codes = async (...dirs: string[]) => (await attempt(...dirs, '--cases', 'change.yaml')).code;
    expect([await codes('city', 'later', 'next'), await codes('city', 'next', 'later')]).toEqual([0, 1]);
  });

  it('begins the day as the city says, or as is told', async () => {
    const copy = join(root, 'chortkiv');
    cpSync(join(ROOT, 'cities/chortkiv-like'), copy, { recursive: true });
    const one = join(copy, 'tariff', '2025-01-01');
    // What is left of a month is counted in fare days.
    const cases = ['--cases', join(CASES_DIR, 'chortkiv-like/give-back.yaml')];
    const codeOf = async (...args: string[]) => (await attempt(...args)).code;
    expect(await codeOf(copy, ...cases)).toBe(0);
    expect(await codeOf(copy, ...cases, '--day-start', '00:00')).toBe(1);
    const city = readFileSync(join(ROOT, 'cities/ternopil/city.yaml'), 'utf8');
    writeFileSync(join(copy, 'city.yaml'), city.replace("dayStart: '04:00'", "dayStart: '00:00'"));
    expect([await codeOf(copy, ...cases), await codeOf(one, ...cases)]).toEqual([1, 1]);
    expect(await codeOf(copy, ...cases, '--day-start', '04:00')).toBe(0);
  });
});
