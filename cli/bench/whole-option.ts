/** Options of benchmarks that are whole numbers. */
import { UsageError } from '../command.ts';

/** The number an option says, or its default. @throws UsageError outside the bounds. */
export function wholeOption(
  name: string,
  text: string | undefined,
  bounds: { readonly default: number; readonly min: number; readonly max: number },
): number {
  if (text === undefined) return bounds.default;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= bounds.min && value <= bounds.max) return value;
  throw new UsageError(`--${name} takes a whole number from ${bounds.min} to ${bounds.max}`);
}
