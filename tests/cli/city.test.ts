import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { type KvytokRun, runKvytok } from '../support/run-kvytok.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

// A whole city starts in seconds, and in a minute where other things keep the machine busy; it stops as slowly.
vi.setConfig({ testTimeout: 300_000 });

const folder = tempFolder('city');
const dataFolder = join(folder.path, 'data');
const running = new Set<KvytokRun>();

function city(...args: string[]): KvytokRun {
  const run = runKvytok(['city', '--port', '0', '--mqtt-port', '0', '--data', dataFolder, ...args]);
  running.add(run);
  void run.ended.then(() => running.delete(run));
  return run;
}

interface Announcement {
  readonly pageUrl: string;
  readonly pid: number;
}
const announced = (): Announcement => JSON.parse(readFileSync(join(dataFolder, 'city.json'), 'utf8'));
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
/** One figure of each role that cannot be zero in a city that lives. */
const FIGURES = [
  'kvytok_broker_clients',
  'kvytok_ingest_records_total',
  'kvytok_fare_rows_total',
  'kvytok_portal_requests_total',
  'process_resident_memory_bytes',
];
/** Where the figures of a city stand that has said that it is ready. */
const figuresOf = (run: KvytokRun): string => /figures\s+(http:\S+)\/metrics/.exec(run.stdout())?.[1] ?? '';
const metricsOf = async (run: KvytokRun): Promise<string> =>
  (await fetch(`${figuresOf(run)}/metrics`)).text();
/** Which of the figures are not there or zero. */
async function zeroes(run: KvytokRun): Promise<string[]> {
  const text = await metricsOf(run);
  return FIGURES.filter((name) => !new RegExp(`^${name}(\\{.*\\})? [1-9]`, 'm').test(text));
}
/** Rows that its fare engine has worked off since it started. */
async function pricedBy(run: KvytokRun): Promise<number> {
  const rows = (await metricsOf(run)).matchAll(/^kvytok_fare_rows_total(?:\{.*\})? (\d+)/gm);
  return [...rows].reduce((sum, [, count]) => sum + Number(count), 0);
}
/** A stopping city takes as long as its journals get shorter. */
const STOPS_WITHIN_MS = 150_000;
/** A database that was killed writes each of its thousands of files to the disk anew before it answers. */
const RECOVERS_WITHIN_MS = 150_000;
const clockMs = (): number => JSON.parse(readFileSync(join(dataFolder, 'city-clock.json'), 'utf8')).cityMs;

afterEach(async () => {
  for (const run of running) {
    run.process.kill('SIGTERM');
    await run.ended;
  }
});
afterAll(() => folder.remove());

describe('kvytok city', () => {
  it('lives for the seconds it is given, drains, and its books hold', async () => {
    const run = city('--seconds', '5', '--seed', '7');
    expect(await run.ended, run.stderr()).toBe(0);
    expect(run.stdout()).toMatch(
      /records\s+(\d+) written = \1 accepted \+ 0 quarantined \+ 0 still in journals/,
    );
    expect(run.stdout()).toMatch(/taps\s+([1-9]\d*) accepted = \1 decided,/);
    expect(run.stdout()).toMatch(/ledger\s+sums to 0 UAH\n\s+holds/);
    expect(existsSync(join(dataFolder, 'city.json'))).toBe(false);
  });

  it('goes on where it was: same clock, same books, shows its page, and lets no second start in', async () => {
    const leftAtMs = clockMs();
    const run = city();
    await run.printed('Ready in');
    const answer = await fetch(`${announced().pageUrl}/api/v1/city`);
    const snapshot = (await answer.json()) as { nowMs: number; taps: unknown[] };
    expect(snapshot.nowMs).toBeGreaterThanOrEqual(leftAtMs);
    expect(snapshot.nowMs).toBeLessThan(leftAtMs + 30 * 60_000);
    expect(snapshot.taps.length).toBeGreaterThan(0);
    await until(async () => (await fetch(`${figuresOf(run)}/readyz`)).ok, { what: 'every part to be ready' });
    // Nobody need have ridden when the city says that it is ready.
    await until(
      async () => {
        const names = await zeroes(run);
        if (names.length > 0) throw new Error(`nothing yet of ${names.join(', ')}`);
        return true;
      },
      { what: 'a figure of each part' },
    );
    // What the engine refuses, the office's command says itself.
    const data = ['--by', 'test', '--data', dataFolder];
    const misfit = ['bank', 'misfit', 'sandbox.1', '--to', 'loss', '--reason', 'none'];
    const refused = { claims: ['claims', 'draft', '2025-10'], bank: misfit };
    const said = await Promise.all(
      Object.values(refused).map(async (args) => {
        const command = runKvytok([...args, ...data]);
        return { code: await command.ended, said: command.stdout() };
      }),
    );
    expect(said).toEqual([
      { code: 1, said: expect.stringContaining('"obeyed":false,"reason":"CLAIM_NOT_SETTLED"') },
      { code: 1, said: expect.stringMatching(/^refused: sandbox\.1: [A-Z_]+ \(/) },
    ]);
    // A second start on the same data is refused and names who has it; the first goes on.
    const second = city();
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toContain('DATA_FOLDER_IN_USE');
    expect(second.stderr()).toContain(String(announced().pid));
    expect((await fetch(`${announced().pageUrl}/healthz`)).status).toBe(200);
    run.process.kill('SIGINT');
    expect(await run.ended, run.stderr()).toBe(0);
    expect(run.stdout()).toContain('Everything is kept.');
  });

  it('is started again after kill -9 of everything, and loses nothing', async () => {
    const killed = city();
    await killed.printed('Ready in');
    process.kill(announced().pid, 'SIGKILL');
    await killed.ended;
    const run = city('--seconds', '4');
    expect(await run.ended, run.stderr()).toBe(0);
    expect(run.stdout()).toContain('holds');
    expect(run.stdout()).not.toContain('DOES NOT HOLD');
  });

  it('ends when its starter is killed with -9: nobody could stop it any more', async () => {
    const run = city();
    await run.printed('Ready in');
    const { pid } = announced();
    expect(pid).not.toBe(run.process.pid);
    run.process.kill('SIGKILL');
    await run.ended;
    await until(() => !isAlive(pid), {
      what: 'the city to stop by itself, and its process to be gone',
      withinMs: STOPS_WITHIN_MS,
    });
    expect(existsSync(join(dataFolder, 'city.json'))).toBe(false);
  });

  it('says that a data folder cannot be made there', async () => {
    const run = runKvytok(['city', '--port', '0', '--mqtt-port', '0', '--data', '/proc/kvytok']);
    expect(await run.ended).toBe(1);
    expect(run.stderr()).toContain('DATA_FOLDER_UNUSABLE');
  });

  it('outlives its database: killed in the middle, it is started again, and the books hold', async () => {
    // Until it is told to stop: no second of it is to be over before its database is killed.
    const run = city('--seconds', '3600');
    await run.printed('Ready in');
    const postmaster = () =>
      Number(readFileSync(join(dataFolder, 'pg', 'postmaster.pid'), 'utf8').split('\n')[0]);
    const first = postmaster();
    process.kill(first, 'SIGKILL');
    await until(() => postmaster() !== first, { what: 'another postmaster', withinMs: RECOVERS_WITHIN_MS });
    const before = await pricedBy(run);
    await until(async () => (await pricedBy(run)) > before, {
      what: 'rides that are priced again',
      withinMs: RECOVERS_WITHIN_MS,
    });
    run.process.kill('SIGTERM');
    expect(await run.ended, run.stderr()).toBe(0);
    expect(run.stdout()).toMatch(/ 0 still in journals/);
    expect(run.stdout()).not.toContain('DOES NOT HOLD');
  });

  it('says so when the port of its pages is taken, and makes nothing', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as { port: number };
    try {
      const fresh = join(folder.path, 'never-made');
      const run = runKvytok(['city', '--port', String(port), '--mqtt-port', '0', '--data', fresh]);
      expect(await run.ended).toBe(1);
      expect(run.stderr()).toContain('PORT_IN_USE');
      expect(run.stderr()).toContain(String(port));
      expect(run.stderr()).toContain('--port 0');
      expect(existsSync(fresh)).toBe(false);
    } finally {
      squatter.close();
    }
  });

  it.each([
    [['--seconds', '0'], '--seconds takes a whole number from 1'],
    [['--seed', '-1'], '--seed'],
    [['--speed', 'fast'], '--speed takes a number'],
    [['--port', '65536'], '--port takes'],
    [['--nonsense'], '--nonsense'],
  ])('refuses %j by name before anything is opened', async (args, message) => {
    const run = city(...args);
    expect(await run.ended).toBe(64);
    expect(run.stderr()).toContain(message);
  });

  it('names the file that is wrong in a city’s data', async () => {
    const run = city('--city', folder.path);
    expect(await run.ended).toBe(1);
    expect(run.stderr()).toContain('CITY_DATA_INVALID');
    expect(run.stderr()).toContain('city.yaml');
  });
});

const mayMount = process.getuid?.() === 0;
describe.skipIf(!mayMount && process.env['CI'] === undefined)('a full disk', () => {
  it('is said plainly at the start', async () => {
    const small = join(folder.path, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=0711', 'tmpfs', small]);
    try {
      const run = runKvytok(['city', '--port', '0', '--mqtt-port', '0', '--data', join(small, 'data')]);
      expect(await run.ended).toBe(1);
      expect(run.stderr()).toContain('DISK_FULL');
    } finally {
      execFileSync('umount', [small]);
    }
  });
});
