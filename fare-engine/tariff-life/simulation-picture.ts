/** A simulation as a picture: bars of what riders pay and budgets owe, now and under the draft. One SVG, alone. */
import { formatMoney } from '#contracts/money.ts';
import type { Language } from '#contracts/reason-codes.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { DIMENSIONS } from './simulate.ts';
import type { Row, SimulationTables } from './simulation-tables.ts';
import { rowName, say } from './simulation-text.ts';

const WIDTH = 960;
const LABELS = 280;
const BARS = 420;
const BAR = 11;
const ROW = 2 * BAR + 12;
/** Most rows of one part; what is beyond stands in the tables. */
const ROWS_MAX = 60;

/** The picture's text. Values stand beside the bars: nothing depends on colour alone. */
export function simulationPicture(
  tables: SimulationTables,
  draft: TariffPackage,
  language: Language,
): string {
  const money = (amountMinor: bigint) => formatMoney({ amountMinor, currency: tables.currency }, language);
  const parts: string[] = [];
  let y = 66;
  for (const dimension of DIMENSIONS) {
    const rows = tables.tables[dimension].slice(0, ROWS_MAX);
    parts.push(text(16, y, say(dimension, language), 'font-weight="bold"'));
    y += 14;
    const most = rows.reduce((max, row) => larger(max, larger(row.beforeMinor, row.afterMinor)), 1n);
    for (const row of rows) {
      parts.push(
        text(LABELS - 8, y + BAR + 4, rowName(row, dimension, draft, language), 'text-anchor="end"'),
      );
      parts.push(bar(row, 'beforeMinor', most, y, money), bar(row, 'afterMinor', most, y + BAR, money));
      const people = dimension === 'funding' ? null : row.spread;
      if (people)
        parts.push(text(WIDTH - 16, y + BAR + 4, `▲ ${people.more}  ▼ ${people.less}`, 'text-anchor="end"'));
      y += ROW;
    }
    y += 26;
  }
  const title = say('title', language, { draft: draft.tariff.version_id });
  const arrows = tables.suppressed ? '' : `▲ ${say('payMore', language)}  ▼ ${say('payLess', language)}`;
  const note = say(tables.suppressed ? 'suppressed' : 'internal', language);
  const key = ['before', 'after'].map((name, i) => {
    const x = LABELS + i * 160;
    return `<rect x="${x}" y="36" width="14" height="11" ${PAINT[i]}/>${text(x + 20, 46, say(name as 'before', language))}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-labelledby="title desc" lang="${language}" font-family="sans-serif" font-size="12" fill="#1b1b1b">
<title id="title">${escaped(title)}</title>
<desc id="desc">${escaped(`${say('description', language)}. ${arrows === '' ? '' : `${arrows}. `}${note}`)}</desc>
<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>
${text(16, 24, title, 'font-size="16" font-weight="bold"')}
${key.join('\n')}
${arrows === '' ? '' : text(WIDTH - 16, 46, arrows, 'text-anchor="end"')}
${parts.join('\n')}
</svg>
`;
}

/** Now: hollow; draft: filled. They differ in shape too. */
const PAINT = ['fill="#ffffff" stroke="#1f4e79"', 'fill="#1f4e79" stroke="#1f4e79"'];

function bar(
  row: Row,
  which: 'beforeMinor' | 'afterMinor',
  most: bigint,
  y: number,
  money: (minor: bigint) => string,
): string {
  const amount = row[which];
  // Whole pixels by whole numbers: the same picture everywhere.
  const width = Number(((amount < 0n ? 0n : amount) * BigInt(BARS)) / most);
  const paint = PAINT[which === 'beforeMinor' ? 0 : 1];
  return `<rect x="${LABELS}" y="${y}" width="${width}" height="${BAR - 1}" ${paint}/>${text(LABELS + width + 6, y + BAR - 2, money(amount), 'font-size="10"')}`;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function text(x: number, y: number, value: string, more = ''): string {
  return `<text x="${x}" y="${y}" ${more}>${escaped(value)}</text>`;
}

/** Text between tags. */
export function escaped(value: string): string {
  const short = value.length > 300 ? `${value.slice(0, 299)}…` : value;
  return short.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
