/** A simulation as one page: the picture, and every number of it in tables. No script, nothing from outside. */
import type { Language } from '#contracts/reason-codes.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { escaped, simulationPicture } from './simulation-picture.ts';
import type { SimulationTables } from './simulation-tables.ts';
import { type ShownTable, shownNotes, shownTables } from './simulation-text.ts';

const STYLE = `body{font:16px/1.5 "Liberation Sans",Arial,sans-serif;color:#1b1b1b;background:#fff;margin:2em auto;max-width:75em;padding:0 1em}
h1{font-size:1.5em}figure{margin:1em 0;overflow-x:auto}svg{max-width:100%;height:auto}.wide{overflow-x:auto}
table{border-collapse:collapse;margin:1.5em 0}caption{text-align:left;font-weight:bold;padding:.3em 0}
th,td{border:1px solid #595959;padding:.2em .6em;text-align:right}tbody th,thead th:first-child{text-align:left}tr:last-child{font-weight:bold}`;

/** The page's text; the same tables give the same bytes. */
export function simulationPage(tables: SimulationTables, draft: TariffPackage, language: Language): string {
  const { title, above, below } = shownNotes(tables, draft, language);
  const notes = (lines: readonly string[]) => lines.map((line) => `<p>${escaped(line)}</p>`).join('\n');
  const shown = shownTables(tables, draft, language);
  return `<!doctype html>
<html lang="${language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main>
<h1>${escaped(title)}</h1>
${notes(above)}
<figure>
${simulationPicture(tables, draft, language)}</figure>
${shown.map(tableText).join('\n')}
${notes(below)}
</main></body>
</html>
`;
}

function tableText({ heading, columns, rows }: ShownTable): string {
  const head = columns.map((name) => `<th scope="col">${escaped(name)}</th>`).join('');
  const body = rows.map(
    ([name = '', ...cells]) =>
      `<tr><th scope="row">${escaped(name)}</th>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`,
  );
  return `<div class="wide" tabindex="0" role="region" aria-label="${attribute(heading)}"><table><caption>${escaped(heading)}</caption><thead><tr>${head}</tr></thead>
<tbody>
${body.join('\n')}
</tbody></table></div>`;
}

function attribute(value: string): string {
  return escaped(value).replaceAll('"', '&quot;');
}
