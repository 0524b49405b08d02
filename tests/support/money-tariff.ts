/** The small package with caps, by name. */
import { packageOf } from './tariff.ts';

const names = (text: string) => `{ uk: ${text}, en: ${text}, de: ${text}, pl: ${text} }`;

/** Rows of caps.yaml: fields beside those that every cap has. */
export function capsFile(...rows: readonly Record<string, unknown>[]): string {
  const caps = rows.map((row) => ({
    act: 'order-1',
    article: 'п. 20',
    day_start: '04:30',
    basis: row['cap_rides'] === undefined ? 'amount' : 'rides',
    ...row,
  }));
  const texts = caps.map((row) => {
    const fields = Object.entries(row).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
    return `  - { names: ${names('cap')}, ${fields.join(', ')} }`;
  });
  return `caps:\n${texts.join('\n')}\n`;
}

/** The package with these caps. */
export const withCaps = (...rows: readonly Record<string, unknown>[]) =>
  packageOf({ 'caps.yaml': capsFile(...rows) });
