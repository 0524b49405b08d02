/**
 * `npm test`: what the tests need is there or is fetched, then format and lint, types, tests; the last line counts.
 * Arguments go to vitest: `npm test -- tests/platform`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules', '.bin');
const REPORT = join(ROOT, 'reports', 'vitest.json');
const inCi = process.env['CI'] === 'true' || process.env['CI'] === '1';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
prepare();
check('format and lint', join(BIN, 'biome'), ['check', '--max-diagnostics=50']);
for (const config of typescriptConfigs()) check(`types (${config})`, join(BIN, 'tsc'), ['-p', config]);
runTests(process.argv.slice(2));
say(closingLine());
process.exitCode = counts.failed > 0 ? 1 : 0;

/** Debian packages, and the PC/SC module where it could not be built before they were there. */
function prepare(): void {
  const { status } = run('bash', [join(ROOT, 'scripts/install-debian-packages.sh')]);
  if (status !== 0) {
    say('The tests need these packages; "npm start" does not. Nothing was run.');
    process.exit(1);
  }
  if (existsSync(join(ROOT, 'node_modules/smartcard/build/Release/smartcard_napi.node'))) return;
  say('The PC/SC module is not built yet: building it.');
  rmSync(join(ROOT, 'node_modules/smartcard'), { recursive: true, force: true });
  const npm = run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'], {
    // The headers of the pinned Node: node-gyp would otherwise ask the network for them.
    npm_config_nodedir: dirname(dirname(process.execPath)),
  });
  if (npm.status !== 0 || !existsSync(join(ROOT, 'node_modules/smartcard'))) {
    say('It could not be built, so cards cannot be tested. Try: npm rebuild smartcard --foreground-scripts');
    process.exit(1);
  }
}

/** The project's own and those of code that runs in browsers. */
function typescriptConfigs(folder = '.'): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return /^(node_modules|reports|\..*)$/.test(entry.name) ? [] : typescriptConfigs(path);
    return /^tsconfig(\.[a-z-]+)?\.json$/.test(entry.name) ? [path] : [];
  });
}

/** One step that counts as one test. */
function check(what: string, program: string, args: string[]): void {
  const started = performance.now();
  const { status } = run(program, args);
  const ok = status === 0;
  counts[ok ? 'passed' : 'failed'] += 1;
  say(`${ok ? '✓' : '✗'} ${what}  ${Math.round(performance.now() - started)} ms`);
}

function runTests(args: string[]): void {
  mkdirSync(dirname(REPORT), { recursive: true });
  rmSync(REPORT, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`];
  const { status } = run(process.execPath, [
    join(ROOT, 'node_modules/vitest/vitest.mjs'),
    'run',
    ...reporters,
    ...args,
  ]);
  const before = counts.failed;
  addReport();
  // Errors outside any test (a worker that died, a promise nobody caught) fail the run without failing a test.
  if (status !== 0 && counts.failed === before) counts.failed += 1;
  // Tests of what only root can do are skipped for others; besides these nothing may be missing in CI.
  if (inCi && process.getuid?.() === 0 && counts.skipped > 0) {
    say(`${counts.skipped} test(s) were skipped; in CI everything they need must be there.`);
    counts.failed += 1;
  }
}

function addReport(): void {
  if (!existsSync(REPORT)) return;
  const report = JSON.parse(readFileSync(REPORT, 'utf8')) as Record<string, number>;
  counts.passed += report['numPassedTests'] ?? 0;
  counts.failed += report['numFailedTests'] ?? 0;
  counts.skipped += (report['numPendingTests'] ?? 0) + (report['numTodoTests'] ?? 0);
}

function closingLine(): string {
  const { passed, failed, skipped } = counts;
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

function run(program: string, args: string[], env: Record<string, string> = {}): { status: number | null } {
  return spawnSync(program, args, {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: `${BIN}${delimiter}${process.env['PATH'] ?? ''}`, ...env },
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
