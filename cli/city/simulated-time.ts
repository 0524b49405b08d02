/**
 * The time of a running simulated city, for a validator in a process of its own: a city instant, the machine's instant
 * at which it was true, and the speed, as `CITY_MS,MACHINE_MS,SPEED`.
 */
import { type Clock, systemClock } from '#platform/clock.ts';
import { UsageError } from '../command.ts';

const FORM = /^(-?\d{1,16}),(\d{1,16}),(\d{1,3}(?:\.\d{1,6})?)$/;

/** Reads the option. @throws UsageError when the text does not have the form. */
export function simulatedClock(text: string, machine: Clock = systemClock): Clock {
  const match = FORM.exec(text);
  if (!match) throw new UsageError('--simulated-time takes CITY_MS,MACHINE_MS,SPEED');
  const [cityMs, machineMs, speed] = match.slice(1).map(Number) as [number, number, number];
  // The wall clock is looked at once: it ties two processes together, the monotonic clock goes on from there.
  const startCityMs = cityMs + (machine.nowMs() - machineMs) * speed;
  const startMonoMs = machine.monotonicMs();
  const passedMs = () => (machine.monotonicMs() - startMonoMs) * speed;
  return { nowMs: () => Math.floor(startCityMs + passedMs()), monotonicMs: passedMs };
}

/** Writes the option. */
export function simulatedTimeOption(cityMs: number, machineMs: number, speed: number): string {
  return `${Math.floor(cityMs)},${Math.floor(machineMs)},${speed}`;
}
