/**
 * The city's time: real time by default, a seeded morning at any speed in a simulated city. It is persisted, so that
 * a restart goes on where it was, and no validator sees time run backwards. A clean stop leaves no gap; while the city
 * runs the file is kept a little ahead, so that kill -9 costs a gap of at most two saving intervals, never a jump back.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { writeFileAtomic } from './atomic-file.ts';
import { type Clock, systemClock } from './clock.ts';
import { OperatorError } from './errors.ts';
import type { Logger } from './logger.ts';

export interface CityClockOptions {
  /** Where the clock is kept, JSON. */
  readonly file: string;
  /** The city's instant at the very first start, UTC ms. */
  readonly startAtMs: number;
  /** City seconds for each real one; 1 for real pace, at most 3600. */
  readonly speed: number;
  /** What time is measured with; the machine's clock by default. */
  readonly base?: Clock;
  readonly log?: Logger;
  /** How often it is saved, real time; 1 s by default, 0 = only by {@link CityClock.save}. */
  readonly saveEveryMs?: number;
}

export interface CityClock extends Clock {
  /** The life of this clock's file: its monotonic time goes on across restarts. */
  readonly bootId: string;
  /** City seconds for each real one. */
  readonly speed: number;
  /** Writes exactly the present instant to the file; for the end, when everything has stopped. */
  save(): void;
  /** Jumps forward to a city instant, wall and monotonic time alike. Never back: that throws a RangeError. */
  leapTo(ms: number): void;
  /** Ends the saving timer and saves. */
  stop(): void;
}

interface Saved {
  readonly v: 1;
  readonly cityMs: number;
  readonly monotonicMs: number;
  /** Absent in files of before this field was there. */
  readonly bootId?: string;
}

const SPEED_MAX = 3600;
const SAVE_EVERY_MS = 1000;

/**
 * Opens the clock. It stands at the saved instant (plus nothing: while nothing ran, no city time passed), or at
 * `startAtMs` when there is no file.
 * @throws OperatorError CITY_CLOCK_SPEED for a speed that is not within 0 (excluded) and 3600,
 *   CITY_CLOCK_UNWRITABLE when the file cannot be written.
 */
export function createCityClock(options: CityClockOptions): CityClock {
  const { speed, file } = options;
  if (!(speed > 0 && speed <= SPEED_MAX)) throw badSpeed(speed);
  const base = options.base ?? systemClock;
  const saved = readSaved(file, options.log);
  const originMs = base.monotonicMs();
  let cityMs = saved?.cityMs ?? options.startAtMs;
  let monoMs = saved?.monotonicMs ?? 0;
  const bootId = saved?.bootId ?? randomBytes(16).toString('hex');

  // Measured on the base's monotonic clock: a correction of the machine's wall clock does not move the city.
  const passedMs = (): number => (base.monotonicMs() - originMs) * speed;
  const aheadMs = 2 * (options.saveEveryMs ?? SAVE_EVERY_MS) * speed;
  const keep = (extraMs: number): void =>
    write(file, {
      v: 1,
      cityMs: cityMs + passedMs() + extraMs,
      monotonicMs: monoMs + passedMs() + extraMs,
      bootId,
    });
  const clock: CityClock = {
    speed,
    bootId,
    nowMs: () => Math.floor(cityMs + passedMs()),
    monotonicMs: () => monoMs + passedMs(),
    save: () => keep(0),
    leapTo(ms) {
      const leapMs = ms - (cityMs + passedMs());
      if (leapMs < -1) throw new RangeError(`the city clock does not go back (${-leapMs} ms)`);
      cityMs += Math.max(0, leapMs);
      monoMs += Math.max(0, leapMs);
      keep(aheadMs);
    },
    stop() {
      clearInterval(timer);
      clock.save();
    },
  };
  keep(aheadMs);
  const timer = saveRegularly(() => keep(aheadMs), options);
  return clock;
}

/** A failed periodic save is told once; the next one may succeed. */
function saveRegularly(save: () => void, options: CityClockOptions): NodeJS.Timeout | undefined {
  const everyMs = options.saveEveryMs ?? SAVE_EVERY_MS;
  if (everyMs <= 0) return undefined;
  let failing = false;
  const timer = setInterval(() => {
    try {
      save();
      failing = false;
    } catch (err) {
      if (!failing) options.log?.warn({ err }, 'city-clock.not-saved');
      failing = true;
    }
  }, everyMs);
  return timer.unref();
}

function write(file: string, saved: Saved): void {
  try {
    // Not forced to the disk each second: the rename keeps old or new, and a second lost in a power cut is harmless.
    writeFileAtomic(file, `${JSON.stringify(saved)}\n`, { mode: 0o644, durable: false });
  } catch (error) {
    throw new OperatorError({
      code: 'CITY_CLOCK_UNWRITABLE',
      happened: `The city clock cannot be kept in ${file}: ${(error as Error).message}.`,
      kept: 'The instant saved last is still there.',
      todo: 'Free space on the disk or mend the rights of the folder, then start again.',
      cause: error,
    });
  }
}

/**
 * Makes a stopped clock stand at an instant or later, for a restored city: what its database holds must not lie in its
 * future. A clock that is ahead already is left as it is.
 */
export function advanceClockFile(file: string, cityMs: number): void {
  const saved = readSaved(file, undefined);
  if (saved !== undefined && saved.cityMs >= cityMs) return;
  write(file, { v: 1, cityMs, monotonicMs: saved?.monotonicMs ?? 0 });
}

/** The saved state; a damaged file is put aside under another name and told. */
function readSaved(file: string, log: Logger | undefined): Saved | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const saved = JSON.parse(readFileSync(file, 'utf8')) as Partial<Saved>;
    const whole =
      saved.v === 1 &&
      isInstant(saved.cityMs) &&
      Number.isFinite(saved.monotonicMs) &&
      saved.monotonicMs !== undefined &&
      (saved.bootId === undefined || /^[0-9a-f]{32}$/.test(saved.bootId));
    if (!whole) throw new Error('it does not hold a clock of version 1');
    return saved as Saved;
  } catch (error) {
    const aside = `${file}.damaged`;
    renameSync(file, aside);
    log?.warn(
      { file, keptAs: aside, problem: (error as Error).message },
      'city-clock.damaged the clock starts at its first instant again; data and ledger are untouched',
    );
    return undefined;
  }
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15;
}

function badSpeed(speed: number): OperatorError {
  return new OperatorError({
    code: 'CITY_CLOCK_SPEED',
    happened: `The city's speed is ${speed}; it must be more than 0 and at most ${SPEED_MAX}.`,
    kept: 'Nothing was started.',
    todo: 'Give another --speed, e.g. 1 for real pace or 10 for ten times as fast.',
  });
}

/**
 * The instant that a running city saved last, at most a second of its run ago.
 * @throws Error when there is no such file, or none that can be read
 */
export function savedCityMs(file: string): number {
  const { cityMs } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Saved>;
  if (cityMs === undefined || !isInstant(cityMs)) throw new Error(`${file} holds no instant`);
  return Math.floor(cityMs);
}
