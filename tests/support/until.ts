/** Bounded polling, for state outside this process that sends no event. */
import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** 40 s by default: no test asserts how fast a machine is. */
  readonly withinMs?: number;
  /** 20 ms by default. */
  readonly everyMs?: number;
  /** What is waited for; named in the error. */
  readonly what?: string;
}

/** A pause that took so much longer than it was to: this process stood still, and mostly the whole machine with it. */
const STOOD_STILL_MS = 1000;

/**
 * Calls `look` until it returns something truthy and hands that back. Throws when the time is over, with the last
 * value or error seen, so that a failing test says what was there instead. Time in which this process stood still is not
 * counted: nobody looked, and what is looked at stood still too.
 */
export async function until<T>(
  look: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<NonNullable<T>> {
  const withinMs = options.withinMs ?? 40_000;
  const everyMs = options.everyMs ?? 20;
  let deadline = performance.now() + withinMs;
  let last: unknown;
  do {
    try {
      const value = await look();
      if (value) return value as NonNullable<T>;
      last = value;
    } catch (error) {
      last = error;
    }
    const before = performance.now();
    await delay(everyMs);
    const lateMs = performance.now() - before - everyMs;
    if (lateMs > STOOD_STILL_MS) deadline += lateMs;
  } while (performance.now() < deadline);
  const seen = last instanceof Error ? (last.stack ?? last.message) : safeJson(last);
  throw new Error(
    `Waited ${withinMs} ms in vain for ${options.what ?? 'a condition'}; last seen: ${seen}`,
    last instanceof Error ? { cause: last } : undefined,
  );
}

function safeJson(value: unknown): string {
  try {
    return (
      JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? `${item}n` : item)) ?? 'undefined'
    );
  } catch {
    return String(value);
  }
}
