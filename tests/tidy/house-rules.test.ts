import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  FLAG_CODES,
  LANGUAGES,
  REASON_TEXTS,
  REFUSAL_CODES,
  REJECTION_CODES,
} from '#contracts/reason-codes.ts';
import { FILE_PROBLEMS } from '#pricing/problem-codes.ts';
import { QUOTE_ERRORS } from '#pricing/quote-request.ts';
import { LOG_FAULTS } from '../../fare-engine/audit/verify-log.ts';
import { BANK_REFUSALS } from '../../fare-engine/bank/refusals.ts';
import { BUNDLE_FAULTS } from '../../fare-engine/claims/misfit.ts';
import { CLAIM_REFUSALS } from '../../fare-engine/claims/refusals.ts';
import { HOLDING_REFUSALS } from '../../fare-engine/holdings/refusals.ts';
import { IMPORT_PROBLEMS } from '../../fare-engine/import/problems.ts';
import { SETTLEMENT_REFUSALS } from '../../fare-engine/settlement/refusals.ts';
import { APPROVAL_REFUSALS } from '../../fare-engine/tariff-life/verify-approval.ts';
import { ZIP_REFUSALS } from '../../fare-engine/tariffs/read-zip.ts';
import { ATTENTION_CODES } from '../../portal/schemas.ts';
import { ARROWS } from './import-arrows.ts';
import { allPaths, bareCode, ROOT, textFiles } from './project-files.ts';
import {
  checkCatalogues,
  checkDocumented,
  checkLinks,
  checkLockFile,
  checkName,
  checkPurity,
  checkReadme,
  checkRecords,
  checkSize,
  checkVariables,
  checkWords,
  codesIn,
  stem,
} from './text-rules.ts';

const files = textFiles();
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

describe('file sizes', () => {
  test('no file is longer than 400 lines', () => {
    expect(files.flatMap(checkSize)).toEqual([]);
  });
  test('the check sees line 401, and not line 400', () => {
    expect(checkSize({ path: 'ingest/x.ts', text: 'a\n'.repeat(401) })).toHaveLength(1);
    expect(checkSize({ path: 'ingest/x.ts', text: 'a\n'.repeat(400) })).toEqual([]);
  });
});

describe('schemas', () => {
  test('records let no key of another form through', () => {
    expect(files.flatMap(checkRecords)).toEqual([]);
  });
  test('the check sees a plain record', () => {
    const text = `const A = ${'Type.'}Record(Type.String(), B);`;
    expect(checkRecords({ path: 'ingest/x.ts', text })).toHaveLength(1);
    expect(checkRecords({ path: 'contracts/keyed.ts', text })).toEqual([]);
  });
});

describe('names', () => {
  test('files and folders are named in kebab-case', () => {
    expect(allPaths().flatMap(checkName)).toEqual([]);
  });
  test.each(['ingest/acceptTap.ts', 'ingest/Accept-tap.ts', 'My_Folder/x.ts', 'ingest/accept_tap.ts'])(
    'the check sees %s',
    (path) => {
      expect(checkName(path)).toHaveLength(1);
    },
  );
  test.each([
    'cities/ternopil/gtfs/stop_times.txt',
    'docs/CARD-LAYOUT.md',
    'contracts/examples/tap.v1.json',
    '.ci/run',
  ])('the check lets %s pass', (path) => {
    expect(checkName(path)).toEqual([]);
  });
});

describe('purity', () => {
  test('no core reads the clock, chance or the environment', () => {
    expect(files.flatMap(checkPurity)).toEqual([]);
  });
  test.each([
    'Date.now()',
    'new Date()',
    'Math.random()',
    'process.env.X',
    'performance.now()',
    'randomBytes(8)',
    'setTimeout(f, 1)',
    'fetch(url)',
  ])('the check sees %s', (code) => {
    expect(checkPurity({ path: 'fare-engine/x.ts', text: `const a = 1;\nconst b = ${code};\n` })).toEqual([
      expect.stringContaining('fare-engine/x.ts:2'),
    ]);
  });
  test.each([
    ['fare-engine/adapters/x.ts', 'Date.now()'],
    [
      'fare-engine/x.ts',
      '// not Date.now(): handed in\n/** new Date() */\nconst a = "Math.random()"; new Date(5);',
    ],
  ])('the check lets pass in %s: %s', (path, text) => {
    expect(checkPurity({ path, text })).toEqual([]);
  });
  test('an address in a string does not hide the code after it', () => {
    expect(bareCode(`const a = 'http://x'; Date.now(); // Date.now()`)).toMatch(
      /^const a = ''; Date\.now\(\); +$/,
    );
  });
});

describe('documents', () => {
  test('no link between documents is dead', () => {
    expect(files.flatMap((file) => checkLinks(file))).toEqual([]);
  });
  test('the check sees a dead link, and only that', () => {
    const text = '[a](gone.md) [b](there.md#part) [c](https://x.y/z) [d](#here) `[e](code.md)`';
    expect(checkLinks({ path: 'docs/X.md', text }, (file) => file === 'docs/there.md')).toEqual([
      'docs/X.md: the link to gone.md leads nowhere',
    ]);
  });

  const rooms = Object.keys(ARROWS).filter((room) => room !== 'bin' && !room.includes('/'));
  test.each([...rooms, 'cities', 'docs'])('%s has a README of one screen with the five headings', (room) => {
    const path = `${room}/README.md`;
    expect(
      existsSync(join(ROOT, path)) ? checkReadme({ path, text: read(path) }) : [`${path} is missing`],
    ).toEqual([]);
  });
  test('the check sees a missing heading and a long text', () => {
    const whole = '**Purpose.** a\n**In.** b\n**Out.** c\n**Invariants**\n- d\n**Start here.** e\n';
    expect(checkReadme({ path: 'x/README.md', text: whole })).toEqual([]);
    expect(checkReadme({ path: 'x/README.md', text: whole.replace('**Out.**', '') })).toHaveLength(1);
    expect(checkReadme({ path: 'x/README.md', text: whole + '\n'.repeat(60) })).toHaveLength(1);
  });
});

describe('words', () => {
  test('the project speaks of itself alone', () => {
    expect(files.flatMap(checkWords)).toEqual([]);
  });
  test.each([`see /${'work'}/main`, `https://${'registry'}.example.org/x`, `by ${'Clau'}de`, `/${'root'}/x`])(
    'the check sees: %s',
    (text) => {
      expect(checkWords({ path: 'docs/X.md', text })).toHaveLength(1);
    },
  );
  test.each([`ingest/${'work'}/x`, 'a worker', 'the registry of devices', `https://example.org/${'work'}`])(
    'the check lets pass: %s',
    (text) => {
      expect(checkWords({ path: 'docs/X.md', text })).toEqual([]);
    },
  );

  test('the lock file names no host', () => {
    expect(checkLockFile(read('package-lock.json'))).toEqual([]);
    const planted = '{"packages":{"node_modules/a":{"resolved":"https://x.y/a.tgz"}}}';
    expect(checkLockFile(planted)).toHaveLength(1);
  });
});

describe('reason codes', () => {
  const document = existsSync(join(ROOT, 'docs/REASON-CODES.md')) ? read('docs/REASON-CODES.md') : '';
  const own = [...REFUSAL_CODES, ...REJECTION_CODES, ...FLAG_CODES];

  test('every code is in docs/REASON-CODES.md (node scripts/reason-codes.ts writes it)', () => {
    const meanings = [
      QUOTE_ERRORS,
      ZIP_REFUSALS,
      LOG_FAULTS,
      SETTLEMENT_REFUSALS,
      APPROVAL_REFUSALS,
      BANK_REFUSALS,
      CLAIM_REFUSALS,
      HOLDING_REFUSALS,
      BUNDLE_FAULTS,
      FILE_PROBLEMS,
      IMPORT_PROBLEMS,
    ];
    const named = meanings.flatMap((codes) => Object.keys(codes));
    const codes = [...new Set([...own, ...named, ...ATTENTION_CODES, ...files.flatMap(codesIn)])];
    expect(checkDocumented(codes, document)).toEqual([]);
  });
  test('the check sees a code without a row and a row without a code', () => {
    const rows = '| `A_B` | x |\n| `C_D` | y |\n';
    expect(checkDocumented(['A_B', 'E_F'], rows)).toEqual([
      'E_F is not documented',
      'C_D is documented but gone',
    ]);
    expect(codesIn({ path: 'ingest/x.ts', text: `throw new OperatorError({ code: 'DISK_FULL', ` })).toEqual([
      'DISK_FULL',
    ]);
  });
  test('every code has a sentence in every language', () => {
    for (const code of own)
      for (const language of LANGUAGES)
        expect(REASON_TEXTS[code][language].length, `${code} ${language}`).toBeGreaterThan(9);
  });
});

describe('variables of the environment', () => {
  const document = read('docs/OPERATIONS.md');

  test('each that a role reads stands in docs/OPERATIONS.md', () => {
    expect(checkVariables(files, document)).toEqual([]);
  });
  test('the check sees one that does not, whole names only, and none of tests and simulators', () => {
    const text = 'env.KVYTOK_A_FILE; env.KVYTOK_A';
    expect(checkVariables([{ path: 'ingest/x.ts', text }], 'set `KVYTOK_A_FILE`')).toEqual([
      'KVYTOK_A (ingest/x.ts) is not in docs/OPERATIONS.md',
    ]);
    for (const path of ['tests/x.ts', 'scripts/x.ts', 'simulators/x.ts', 'docs/x.md'])
      expect(checkVariables([{ path, text }], '')).toEqual([]);
  });
});

describe('catalogues', () => {
  const folders = [...new Set(allPaths().filter((path) => /\/catalogues\/uk\.ts$/.test(path)))];

  test.each(folders)('beside %s stand the same texts in four languages', async (path) => {
    const folder = join(ROOT, path, '..');
    const catalogues: Record<string, Record<string, string>> = {};
    for (const name of readdirSync(folder)) {
      const language = stem(name);
      if (!(LANGUAGES as readonly string[]).includes(language)) continue;
      const module = (await import(pathToFileURL(join(folder, name)).href)) as Record<
        string,
        Record<string, string>
      >;
      catalogues[language] = module[language] as Record<string, string>;
    }
    expect(Object.keys(catalogues).sort()).toEqual([...LANGUAGES].sort());
    expect(checkCatalogues(catalogues)).toEqual([]);
  });
  test('the check sees a missing, an empty and a differing text', () => {
    expect(checkCatalogues({ uk: { a: 'x {n}', b: 'y', c: 'z' }, en: { a: 'x', b: ' ', d: 'w' } })).toEqual([
      'en: "b" is empty',
      'en: "a" fills in other places than uk',
      'en: "c" is missing, uk has it',
      'uk: "d" is missing, en has it',
    ]);
  });
});
