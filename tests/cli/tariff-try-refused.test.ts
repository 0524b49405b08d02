/** What `kvytok tariff try` is not: files that are no cases, packages that cannot be used, wrong calls. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { UsageError } from '../../cli/command.ts';
import { changed, openTried } from '../support/tried-packages.ts';

const { root, writePackage, attempt } = openTried();

const RIDE = 'medium: social, route: T1, pays: 12.00';
const one = (ride: string, more = '') => `- name: one\n${more}  rides:\n    - { ${ride} }\n`;
writeFileSync(join(root, 'cases.yaml'), one(`at: 2026-02-02 08:00, ${RIDE}`));

const right = (text: string) => `  entitlements: [{ ${text} }]\n`;
it.each<[string, string, RegExp]>([
  ['', 'an empty file', /:1:1: error: the file has no cases → Write each as .* \[TARIFF_CASES_NONE\]$/m],
  ['# none yet\n', 'comments alone', /:1:1: .*\[TARIFF_CASES_NONE\]$/m],
  ['[]\n', 'an empty list', /:1:1: .*\[TARIFF_CASES_NONE\]$/m],
  ['- name: "x\n', 'no YAML', /:2:1: error: not YAML: .* → Correct the line\. \[TARIFF_FILE_YAML\]$/m],
  ['name: x\n', 'no list', /:1:1: error: the file must be a list → .* \[TARIFF_SCHEMA\]$/m],
  [one(RIDE), 'no time', /:3:7: error: at is missing → Add it\. .*tariff-cases\/README\.md/m],
  [
    one(`at: 2026-02-02 08:00, ${RIDE}`, '  color: red\n'),
    'an unknown key',
    /:2:3: error: color is no field here/m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE}, cost: 1`),
    'an unknown key of a ride',
    /:3:71: error: cost is no field here/m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE.replace('social', 'gold')}`),
    'a medium that is none',
    /:3:31: error: medium is none of its values → Write one of: social, wallet, bank\./m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE.replace('social', 'bank')}`),
    'a medium of no package',
    /:3:31: error: no package knows the medium "bank" → Write one of: social, wallet\. \[TARIFF_REFERENCE_UNKNOWN\]/m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE.replace('T1', 'T9')}`),
    'a route',
    /:3:47: error: no package knows the route "T9" → Write T1, if it is what is meant; or one of: P1, P2, T1, T2, X1\./m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE}`, right('concession: pensionr, from: 2026-01-01')),
    'a right',
    /:2:20: error: no package knows the right "pensionr" → Write pensioner, if it is what is meant; or one of: donor, pensioner,/m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE}`, '  each: [donor, pupl]\n'),
    'a right of each',
    /:2:17: error: no package knows the right "pupl"/m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE}`, '  passes: [{ product: pass, from: 2026-01-01 00:00 }]\n'),
    'a product',
    /:2:14: error: no package knows the product "pass"/m,
  ],
  [
    one(
      `at: 2026-02-02 08:00, ${RIDE}`,
      '  passes: [{ product: ride-private, from: 2026-01-01 00:00, returned: { at: 2026-01-02 00:00 } }]\n',
    ),
    'a return to nothing',
    /:2:61: error: what must come of it is not said/m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE}`, right('concession: donor, from: 2026-02-30')),
    'a date that no calendar has',
    /:2:39: error: "2026-02-30" is no date → Write it as YYYY-MM-DD/m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE}`, right('concession: donor, from: 2026-02-02, until: 2026-02-02')),
    'a right that ends before it begins',
    /:2:57: error: the right ends before it begins/m,
  ],
  [
    one(`at: 2026-02-02, ${RIDE}`),
    'a date for a time',
    /:3:9: error: "2026-02-02" is no time → Write date and time as .* \(wall time in Europe\/Kyiv\)/m,
  ],
  [one(`at: 2026-02-02 25:00, ${RIDE}`), 'an hour that no day has', /:3:9: error: .* is no time/m],
  [
    one(`at: 2026-10-25 03:30, ${RIDE}`),
    'a time that comes twice',
    /:3:9: error: clocks in Europe\/Kyiv show "2026-10-25 03:30" twice that night → Say which: 2026-10-25 03:30\+03:00 or 2026-10-25 03:30\+02:00\./m,
  ],
  [
    one(`at: 2026-03-29 03:30, ${RIDE}`),
    'a time that never comes',
    /:3:9: error: clocks in Europe\/Kyiv never show .* as 2026-03-29 03:30\+02:00\./m,
  ],
  [
    one(`at: 2025-12-31 23:59, ${RIDE}`),
    'a day without a tariff',
    /:3:9: error: no package holds at "2025-12-31 23:59" → Write a date on which one does \(test-1 from 2026-01-01\); or, .* because: "немає чинного тарифу"\. \[TARIFF_CASE_DATE\]/m,
  ],
  [
    one(`at: 1969-12-31 23:59, ${RIDE}`),
    'a time before any',
    /:3:9: error: no ride is priced at "1969-12-31 23:59"/m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE.replace('12.00', '12')}`),
    'an amount without places',
    /:3:58: error: "12" is no amount → Write it in UAH with two places, as 12\.00\./m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE.replace('12.00', '12.005')}`),
    'an amount with too many',
    /:3:58: error: "12\.005" is no amount/m,
  ],
  [
    one(`at: 2026-02-02 08:00, ${RIDE}, companions: 21`),
    'more riders than a tap can have',
    /:3:71: error: "21" is no number that fits here → Write one from 0 to 20\./m,
  ],
])('%j: %s', async (text, _what, problem) => {
  writeFileSync(join(root, 'bad.yaml'), text);
  const { code, stdout, stderr } = await attempt('whole', '--cases', 'cases.yaml', 'bad.yaml');
  expect([code, stdout]).toEqual([65, '']);
  expect(stderr).toMatch(problem);
  expect(stderr).toMatch(/^bad\.yaml:/);
  expect(stderr.endsWith('No case was tried.\n')).toBe(true);
  const json = await attempt('whole', '--cases', 'bad.yaml', '--json');
  for (const line of json.stdout.trimEnd().split('\n'))
    expect(JSON.parse(line)).toMatchObject({ file: 'bad.yaml', severity: 'error' });
});

it('files that are too large, absent, of another encoding, no files; folders without any', async () => {
  mkdirSync(join(root, 'folder'));
  const large = join(root, 'large.yaml');
  writeFileSync(large, '');
  truncateSync(large, 50 * 1024 * 1024);
  writeFileSync(join(root, 'latin.yaml'), Buffer.from([0x2d, 0x20, 0xcf, 0xf0]));
  const files = ['large.yaml', 'absent.yaml', 'latin.yaml', '/dev/null', 'folder'];
  const { code, stderr } = await attempt('whole', '--cases', ...files);
  expect(code).toBe(65);
  expect(stderr.match(/^[^:]+:1:\d|\[\w+\]$/gm)).toEqual([
    ...['large.yaml:1:1', '[TARIFF_FILE_TOO_LARGE]', 'absent.yaml:1:1', '[TARIFF_FILE_UNREADABLE]'],
    ...['latin.yaml:1:3', '[TARIFF_FILE_NOT_UTF8]', '/dev/null:1:1', '[TARIFF_FILE_UNREADABLE]'],
    ...['folder:1:1', '[TARIFF_CASES_NONE]'],
  ]);
});

it('takes a folder of files, and no others in it', async () => {
  mkdirSync(join(root, 'many'));
  for (const name of ['b.yml', 'a.yaml', 'notes.txt', '.hidden.yaml'])
    writeFileSync(join(root, 'many', name), one(`at: 2026-02-02 08:00, ${RIDE}`));
  const { stdout } = await attempt('whole', '--cases', 'many');
  expect(stdout.match(/^many\/[^:]+/gm)).toEqual(['many/a.yaml', 'many/b.yml']);
});

it('a package that cannot be used is told by its path, with what is wrong in the cases', async () => {
  writePackage('broken', { 'funding.yaml': 'funding: 3\n' });
  writeFileSync(join(root, 'bad.yaml'), '- rides: 3\n');
  const { code, stderr } = await attempt('broken', '--cases', 'bad.yaml');
  expect(code).toBe(65);
  expect(stderr).toMatch(/^broken\/funding\.yaml:1:1: error: .*\[TARIFF_SCHEMA\]$/m);
  expect(stderr).toMatch(/^bad\.yaml:1:3: error: /m);
  writePackage('drafts/tariff/one', changed('tariff.yaml', 'in-force', 'draft'));
  const drafts = await attempt('drafts', '--cases', 'cases.yaml');
  expect([drafts.code, drafts.stderr]).toEqual([
    65,
    expect.stringMatching(/^drafts:1:1: .*\[TARIFF_NO_PACKAGES\]$/m),
  ]);
  writePackage('elsewhere', changed('tariff.yaml', 'Europe/Kyiv', 'Europe/Warsaw'));
  const apart = await attempt('whole', 'elsewhere', '--cases', 'cases.yaml');
  expect([apart.code, apart.stderr]).toEqual([65, expect.stringMatching(/have not one zone and currency/)]);
});

it('other calls', async () => {
  for (const args of [
    [],
    ['whole'],
    ['--cases', 'cases.yaml'],
    ['whole', '--cases', 'cases.yaml', '--lang', 'fr'],
    ['whole', '--cases', 'cases.yaml', '--day-start', '4'],
    ['whole', '--cases', 'cases.yaml', '--day-start', '24:00'],
  ])
    await expect(attempt(...args), args.join(' ')).rejects.toThrow(UsageError);
});

it('asks when a day begins where no city says it', async () => {
  writePackage('a/b/c/alone');
  const call = ['a/b/c/alone', '--cases', 'cases.yaml'];
  await expect(attempt(...call)).rejects.toThrow('--day-start HH:MM says when a day begins');
  expect((await attempt(...call, '--day-start', '04:00')).code).toBe(0);
});
