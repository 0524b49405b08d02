/** A benchmark's report as people read it: a table of figures, targets beside them, notes below. */
import type { BenchFigure, BenchReport } from './bench.ts';

/** The report as text; numbers have as many digits as they deserve. */
export function reportText(report: BenchReport): string {
  const rows = report.figures.map((figure) => [
    figure.name,
    figureText(figure),
    figure.target === undefined ? '' : `${figure.target} ${meets(figure) ? '✓' : '✗'}`,
  ]);
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length), 0));
  const lines = rows.map(
    ([name = '', value = '', target = '']) =>
      `  ${name.padEnd(widths[0] ?? 0)}  ${value.padStart(widths[1] ?? 0)}  ${target}`,
  );
  const setting = Object.entries(report.setting).map(([key, value]) => `${key} ${value}`);
  return [
    `${report.bench}: ${report.exact ? 'exact' : 'NOT EXACT: the figures below are worth nothing'}, ${report.seconds} s`,
    `  on ${report.machine}`,
    ...(setting.length === 0 ? [] : [`  ${setting.join(', ')}`]),
    '',
    ...lines.map((line) => line.trimEnd()),
    ...(report.notes.length === 0 ? [] : ['', ...report.notes.map((note) => `  ${note}`)]),
    '',
  ].join('\n');
}

/** A value with its unit: three significant digits below a hundred, whole numbers with thin groups above. */
export function figureText({ value, unit }: Pick<BenchFigure, 'value' | 'unit'>): string {
  const text =
    Math.abs(value) >= 100 || Number.isInteger(value)
      ? Math.round(value)
          .toString()
          .replace(/\B(?=(\d{3})+$)/g, ',')
      : Number(value.toPrecision(3)).toString();
  return unit === '' ? text : `${text} ${unit}`;
}

/** Whether a figure reaches its target (`≥ n` or `≤ n`); a figure without one does. */
export function meets({ value, target }: BenchFigure): boolean {
  const match = /^([≥≤])\s*([0-9.,]+)/.exec(target ?? '');
  if (!match) return true;
  const bound = Number((match[2] as string).replaceAll(',', ''));
  return match[1] === '≥' ? value >= bound : value <= bound;
}
